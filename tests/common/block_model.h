// Models of some dozen megabytes that mean nothing, for tests of what moves files about.
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gguf/writer.h"

namespace yoke {

/// Writes a file with one tensor of so many floats of random bits, "w" and the file's number, as part
/// `number` of `count`; its path.
inline std::filesystem::path write_block_model(const std::filesystem::path& path, std::int64_t floats,
                                               unsigned seed, int number = 0, int count = 1) {
  gguf::Metadata metadata;
  metadata.set("general.architecture", std::string("none"));
  if (count > 1) {
    metadata.set("split.no", static_cast<std::uint64_t>(number));
    metadata.set("split.count", static_cast<std::uint64_t>(count));
    metadata.set("split.tensors.count", static_cast<std::uint64_t>(count));
  }
  const std::string name = "w" + std::to_string(number);
  const std::vector<gguf::TensorSpec> tensors{{name, quant::Type::f32, {floats}}};
  std::vector<std::uint32_t> values(static_cast<std::size_t>(floats));
  std::mt19937 random(seed);
  for (std::uint32_t& value : values) value = static_cast<std::uint32_t>(random());
  gguf::Writer writer(path, metadata, tensors);
  writer.write(name, std::as_bytes(std::span(values)));
  writer.finish();
  return path;
}

}  // namespace yoke
