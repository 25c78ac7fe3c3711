// Products of weights, in any format of weights.h and k_weights.h, with F32 activations. Contract:
// Kernels::MatMul.
// Written over F32x16, which vec_*.h defines before; see vec_scalar.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace yoke::kernels {
namespace {

/// A number known to the compiler.
template <int n>
struct Constant {
  constexpr operator int() const { return n; }
};

/// body(Constant<0>), body(Constant<1>) … below `end`.
template <int end, int i = 0, class Body>
[[gnu::always_inline]] inline void unrolled(const Body& body) {
  if constexpr (i < end) {
    body(Constant<i>());
    unrolled<end, i + 1>(body);
  }
}

/// Where a matmul reads and writes; the fields are those of Kernels::MatMul.
struct MatMulArguments {
  const std::byte* w;
  std::size_t w_stride;
  std::int64_t cols;
  const float* x;
  std::int64_t x_stride;
  float* y;
  std::int64_t y_stride;
};

/// Fetches the block that lies one tile further. Rows of small blocks are too short, and too slow to decode,
/// for the hardware's prefetcher.
template <class Weights>
inline void prefetch(const std::byte* block) {
  for (std::int64_t line = 0; line < Weights::block_bytes; line += 64) __builtin_prefetch(block + line);
}

/// A tile of `rows` × `tokens` results from (row, token) on. Each has one accumulator, so its bits do not
/// depend on the tile.
template <class Weights, int rows, int tokens>
inline void multiply_tile(const MatMulArguments& a, std::int64_t row, std::int64_t token) {
  constexpr int block_vectors = Weights::groups * Weights::vectors;
  const std::byte* w = a.w + static_cast<std::size_t>(row) * a.w_stride;
  const float* x = a.x + token * a.x_stride;
  F32x16 sum[rows][tokens];
  for (int r = 0; r < rows; ++r) {
    for (int t = 0; t < tokens; ++t) sum[r][t] = F32x16::broadcast(0.0f);
  }
  const std::int64_t blocks = a.cols / (16 * block_vectors);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const float* values = x + block * block_vectors * 16;
    unrolled<rows>([&](auto r) __attribute__((always_inline)) {
      const std::byte* from = w + static_cast<std::size_t>(r) * a.w_stride + block * Weights::block_bytes;
      if (block_vectors > 1 && tokens == 1) prefetch<Weights>(from + rows * a.w_stride);
      const Weights weights(from);
      for (int g = 0; g < Weights::groups; ++g) {
        const auto group = weights.group(g);
        const float* group_values = values + g * Weights::vectors * 16;
        unrolled<Weights::vectors>([&](auto part) __attribute__((always_inline)) {
          const F32x16 decoded = group.template decode<part>();
          for (int t = 0; t < tokens; ++t) {
            sum[r][t] = fma(decoded, F32x16::load(group_values + t * a.x_stride + part * 16), sum[r][t]);
          }
        });
      }
    });
  }
  if constexpr (block_vectors == 1) {
    const int rest = static_cast<int>(a.cols % 16);
    if (rest != 0) {
      for (int r = 0; r < rows; ++r) {
        const std::byte* from = w + static_cast<std::size_t>(r) * a.w_stride + blocks * Weights::block_bytes;
        const F32x16 weights = Weights(from).decode_partial(rest);
        for (int t = 0; t < tokens; ++t) {
          sum[r][t] = fma(weights, F32x16::load_partial(x + t * a.x_stride + blocks * 16, rest), sum[r][t]);
        }
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int t = 0; t < tokens; ++t) a.y[(token + t) * a.y_stride + row + r] = sum[r][t].reduce_add();
  }
}

/// All rows against `tokens` tokens from `token` on, `tile_rows` rows at a time.
template <class Weights, int tile_rows, int tokens>
inline void multiply_rows(const MatMulArguments& a, std::int64_t rows, std::int64_t token) {
  std::int64_t row = 0;
  for (; row + tile_rows <= rows; row += tile_rows) multiply_tile<Weights, tile_rows, tokens>(a, row, token);
  for (; row < rows; ++row) multiply_tile<Weights, 1, tokens>(a, row, token);
}

template <class Weights>
void matmul(const std::byte* w, std::size_t w_stride, std::int64_t rows, std::int64_t cols, const float* x,
            std::int64_t x_stride, std::int64_t tokens, float* y, std::int64_t y_stride) {
  // Weights are read once per strip of tokens, whose activations stay in the cache meanwhile.
  constexpr std::int64_t strip = 32;
  const MatMulArguments a{w, w_stride, cols, x, x_stride, y, y_stride};
  for (std::int64_t first = 0; first < tokens; first += strip) {
    const std::int64_t end = first + strip < tokens ? first + strip : tokens;
    std::int64_t row = 0;
    for (; end - first >= gemm_tokens && row + gemm_rows <= rows; row += gemm_rows) {
      std::int64_t token = first;
      for (; token + gemm_tokens <= end; token += gemm_tokens) {
        multiply_tile<Weights, gemm_rows, gemm_tokens>(a, row, token);
      }
      for (; token < end; ++token) multiply_tile<Weights, gemm_rows, 1>(a, row, token);
    }
    MatMulArguments rest = a;
    rest.w += static_cast<std::size_t>(row) * w_stride;
    rest.y += row;
    for (std::int64_t token = first; token < end; ++token) {
      multiply_rows<Weights, gemv_rows, 1>(rest, rows - row, token);
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
