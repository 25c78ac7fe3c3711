#include "bench/matrices.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/topology.h"
#include "cluster/stream_rate.h"

namespace yoke::bench {
namespace {

using Random = std::mt19937_64;

std::vector<std::byte> encoded_block(const quant::Format& format, Random& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(format.block_values));
  for (float& value : values) value = normal(random);
  std::vector<std::byte> block(format.block_bytes);
  format.quantize(values, block);
  return block;
}

/// For a format without an encoder: any bytes that stand for finite values.
std::vector<std::byte> finite_block(const quant::Format& format, Random& random) {
  std::vector<std::byte> block(format.block_bytes);
  std::vector<float> values(static_cast<std::size_t>(format.block_values));
  do {
    for (std::byte& byte : block) byte = static_cast<std::byte>(random());
    format.dequantize(block, values);
  } while (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }));
  return block;
}

std::vector<std::byte> random_rows(const quant::Format& format, std::int64_t rows) {
  Random random(1);
  std::vector<std::byte> bytes;
  for (std::int64_t block = 0; block < rows * Matrices::cols / format.block_values; ++block) {
    const std::vector<std::byte> more =
        format.quantize != nullptr ? encoded_block(format, random) : finite_block(format, random);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  return bytes;
}

std::int64_t enough_matrices(std::size_t matrix_bytes) {
  const std::optional<std::uint64_t> bytes =
      cluster::stream_bytes(read_topology().cache, read_memory().available);
  require(bytes.has_value(), "too little memory is free for weights that no cache holds");
  return static_cast<std::int64_t>((*bytes + matrix_bytes - 1) / matrix_bytes);
}

}  // namespace

Matrices::Matrices(const quant::Format& format, ThreadPool& pool)
    : row_bytes_(format.bytes(cols)),
      count_(enough_matrices(matrix_bytes())),
      memory_(matrix_bytes() * static_cast<std::size_t>(count_)) {
  constexpr std::int64_t different_rows = 16;
  const std::vector<std::byte> samples = random_rows(format, different_rows);
  for (std::int64_t i = 0; i < count_; ++i) {
    std::byte* const matrix = memory_.bytes().data() + static_cast<std::size_t>(i) * matrix_bytes();
    split_rows(pool, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        std::memcpy(matrix + static_cast<std::size_t>(row) * row_bytes_,
                    samples.data() + static_cast<std::size_t>(row % different_rows) * row_bytes_, row_bytes_);
      }
    });
  }
}

const std::byte* Matrices::next() {
  return memory_.bytes().data() + static_cast<std::size_t>(taken_++ % count_) * matrix_bytes();
}

}  // namespace yoke::bench
