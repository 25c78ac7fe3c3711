#include "gguf/writer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/printable.h"
#include "gguf/split_name.h"
#include "gguf/wire.h"

namespace yoke::gguf {

Writer::Writer(const std::filesystem::path& path, const Metadata& metadata,
               std::span<const TensorSpec> tensors)
    : name_(path.string()), file_(path) {
  const std::optional<SplitName> split = parse_split_name(path);
  require(!split || split->count == 1 || metadata.has(split_count_key),
          "{}: is named as part {} of {}, but a model in one file is to be written", name_,
          split ? split->number : 0, split ? split->count : 0);
  const EncodedHeader header = encode_header(metadata, tensors, name_);
  file_bytes_ = header.file_bytes;
  tensors_ = parse_header(header.bytes, file_bytes_, name_).tensors;
  put(header.bytes);
}

const TensorInfo& Writer::next(std::string_view tensor) {
  require(current_ < tensors_.size(), "{}: data came for tensor '{}', expected none after the last tensor",
          name_, printable(tensor));
  const TensorInfo& expected = tensors_[current_];
  require(tensor == expected.name, "{}: data came for tensor '{}', expected '{}'", name_, printable(tensor),
          printable(expected.name));
  pad_to(std::max(written_, expected.offset));
  return expected;
}

void Writer::write_hole(std::string_view tensor) {
  const TensorInfo& expected = next(tensor);
  const std::uint64_t missing = expected.offset + expected.bytes - written_;
  file_.append_hole(missing);
  written_ += missing;
  ++current_;
}

void Writer::write(std::string_view tensor, std::span<const std::byte> data) {
  const TensorInfo& expected = next(tensor);
  const std::uint64_t missing = expected.offset + expected.bytes - written_;
  require(data.size() <= missing, "{}: {} bytes came for tensor '{}', expected at most {} more", name_,
          data.size(), printable(tensor), missing);
  put(data);
  if (data.size() == missing) ++current_;
}

void Writer::finish() {
  if (current_ < tensors_.size()) {
    const TensorInfo& tensor = tensors_[current_];
    fail("{}: the data of tensor '{}' lack {} of {} bytes", name_, printable(tensor.name),
         tensor.offset + tensor.bytes - std::max(written_, tensor.offset), tensor.bytes);
  }
  pad_to(file_bytes_);
  file_.commit();
}

void Writer::put(std::span<const std::byte> bytes) {
  file_.append(bytes);
  written_ += bytes.size();
}

void Writer::pad_to(std::uint64_t offset) {
  constexpr std::array<std::byte, 4096> zeros{};
  while (written_ < offset) {
    put(std::span(zeros).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), offset - written_))));
  }
}

}  // namespace yoke::gguf
