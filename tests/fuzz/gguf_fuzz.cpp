// Any bytes are either refused with a sentence or yield tensors that lie within the file, aligned and apart,
// and metadata that can be asked for.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "gguf/header.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

/// Reads the first and the last byte of the tensor, which the address sanitizer watches.
unsigned touch(std::span<const std::byte> file, const yoke::gguf::TensorInfo& tensor) {
  check(tensor.bytes > 0 && tensor.offset <= file.size() && tensor.bytes <= file.size() - tensor.offset);
  check(tensor.shape.size() >= 1 && tensor.shape.size() <= 4 && tensor.values() > 0);
  check(yoke::quant::format(tensor.type).bytes(tensor.values()) == tensor.bytes);
  const auto data = file.subspan(tensor.offset, tensor.bytes);
  return static_cast<unsigned>(data.front()) + static_cast<unsigned>(data.back());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  try {
    const yoke::gguf::Header header = yoke::gguf::parse_header(file, "fuzz.gguf");
    volatile unsigned touched = 0;
    std::uint64_t total = 0;
    for (const yoke::gguf::TensorInfo& tensor : header.tensors) {
      touched = touched + touch(file, tensor);
      total += tensor.bytes;
    }
    check(total <= size);  // since no two overlap
    for (const auto& [key, value] : header.metadata.all()) check(!yoke::gguf::describe(value).empty());
  } catch (const yoke::Error& error) {
    check(std::string_view(error.what()).starts_with("fuzz.gguf: "));
  }
  return 0;
}
