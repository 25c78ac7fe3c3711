#include "bench/matrices.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <random>

#include "base/error.h"
#include "base/topology.h"
#include "kernels/pack.h"
#include "kernels/panels.h"
#include "rates/stream_rate.h"

namespace yoke::bench {
namespace {

using Random = std::mt19937_64;

/// Rows that differ: a matrix repeats them. They are one panel.
constexpr std::int64_t sample_rows = kernels::panel_rows;

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

std::vector<std::byte> random_rows(const quant::Format& format, std::int64_t cols) {
  Random random(1);
  std::vector<std::byte> bytes;
  for (std::int64_t block = 0; block < sample_rows * cols / format.block_values; ++block) {
    const std::vector<std::byte> more =
        format.quantize != nullptr ? encoded_block(format, random) : finite_block(format, random);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  return bytes;
}

/// Pieces of sample_rows rows.
std::vector<std::byte> random_pieces(const MatrixShape& shape) {
  const quant::Format& format = quant::format(shape.type);
  std::vector<std::byte> rows = random_rows(format, shape.cols);
  if (shape.pieces == Pieces::rows) return rows;
  const kernels::PanelColumns columns{shape.type, 0, shape.cols};
  std::vector<std::byte> panel(columns.bytes());
  kernels::pack_panel(columns, rows.data(), format.bytes(shape.cols), sample_rows, panel.data());
  return panel;
}

}  // namespace

std::uint64_t uncached_bytes() {
  const std::optional<std::uint64_t> bytes =
      rates::stream_bytes(read_topology().cache, read_memory().available);
  require(bytes.has_value(), "too little memory is free for what no cache holds");
  return *bytes;
}

Matrices::Matrices(const MatrixShape& shape, ThreadPool& pool)
    : Matrices(shape, random_pieces(shape), pool) {}

Matrices::Matrices(const MatrixShape& shape, const std::vector<std::byte>& samples, ThreadPool& pool)
    : shape_(shape),
      pieces_(shape.pieces == Pieces::rows ? shape.rows : shape.rows / kernels::panel_rows),
      piece_bytes_(samples.size() * static_cast<std::size_t>(shape.rows / sample_rows) /
                   static_cast<std::size_t>(pieces_)),
      count_(static_cast<std::int64_t>((uncached_bytes() + matrix_bytes() - 1) / matrix_bytes())),
      memory_(matrix_bytes() * static_cast<std::size_t>(count_)) {
  const std::size_t different = samples.size() / piece_bytes_;
  for (std::int64_t i = 0; i < count_; ++i) {
    std::byte* const matrix = memory_.bytes().data() + static_cast<std::size_t>(i) * matrix_bytes();
    split(pool, [&](std::int64_t begin, std::int64_t end) {
      for (auto piece = static_cast<std::size_t>(begin); piece < static_cast<std::size_t>(end); ++piece) {
        std::memcpy(matrix + piece * piece_bytes_, samples.data() + piece % different * piece_bytes_,
                    piece_bytes_);
      }
    });
  }
}

const std::byte* Matrices::next() {
  return memory_.bytes().data() + static_cast<std::size_t>(taken_++ % count_) * matrix_bytes();
}

}  // namespace yoke::bench
