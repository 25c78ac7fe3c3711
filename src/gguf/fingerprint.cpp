#include "gguf/fingerprint.h"

#include <xxhash.h>

#include <type_traits>
#include <variant>

#include "base/bytes.h"

namespace yoke::gguf {
namespace {

void write_value(ByteWriter& writer, const Value& value) {
  writer(static_cast<std::uint8_t>(value.index()));
  std::visit(
      [&writer](const auto& held) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(held)>, std::vector<bool>>) {
          writer(std::vector<std::uint8_t>(held.begin(), held.end()));
        } else {
          writer(held);
        }
      },
      value);
}

}  // namespace

std::uint64_t fingerprint(const Model& model) {
  ByteWriter writer;
  for (const auto& [key, value] : model.metadata().all()) {
    writer(key);
    write_value(writer, value);
  }
  for (const TensorInfo& tensor : model.tensors()) {
    writer(tensor.name, static_cast<std::uint32_t>(tensor.type), tensor.shape, tensor.file, tensor.offset);
  }
  const std::vector<std::byte> bytes = writer.take();
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace yoke::gguf
