// Products of weights, in any format, with F32 activations. Contract: Kernels::MatMul.
// Written over F32x16, which vec_*.h defines before; see vec_scalar.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace yoke::kernels {
namespace {

// ---- Weights: how 16 or 32 consecutive values of a row become floats

template <int size>
struct PlainWeights {
  static constexpr int vectors = 1;  // F32x16 per block
  static constexpr std::int64_t block_bytes = 16 * size;
};

struct F32Weights : PlainWeights<4> {
  static F32x16 decode(const std::byte* from, int) {
    return F32x16::load(reinterpret_cast<const float*>(from));
  }
  static F32x16 decode_partial(const std::byte* from, int n) {
    return F32x16::load_partial(reinterpret_cast<const float*>(from), n);
  }
};

struct F16Weights : PlainWeights<2> {
  static F32x16 decode(const std::byte* from, int) { return F32x16::load_f16(from); }
  static F32x16 decode_partial(const std::byte* from, int n) { return F32x16::load_f16_partial(from, n); }
};

struct Bf16Weights : PlainWeights<2> {
  static F32x16 decode(const std::byte* from, int) { return F32x16::load_bf16(from); }
  static F32x16 decode_partial(const std::byte* from, int n) { return F32x16::load_bf16_partial(from, n); }
};

/// The F16 scale that a block begins with.
inline F32x16 block_scale(const std::byte* block) {
  std::uint16_t half = 0;
  __builtin_memcpy(&half, block, sizeof half);
  return F32x16::broadcast(float_of_half(half));
}

struct Q8Weights {
  static constexpr int vectors = 2;
  static constexpr std::int64_t block_bytes = 34;
  static F32x16 decode(const std::byte* block, int part) {
    return F32x16::load_i8(block + 2 + 16 * part) * block_scale(block);
  }
};

struct Q4Weights {
  static constexpr int vectors = 2;
  static constexpr std::int64_t block_bytes = 18;
  static F32x16 decode(const std::byte* block, int part) {
    const F32x16 q = part == 0 ? F32x16::load_low_nibbles(block + 2) : F32x16::load_high_nibbles(block + 2);
    return q * block_scale(block);
  }
};

// ---- Matrix products

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

/// A tile of `rows` × `tokens` results from (row, token) on. Each has one accumulator, so its bits do not
/// depend on the tile.
template <class Weights, int rows, int tokens>
inline void multiply_tile(const MatMulArguments& a, std::int64_t row, std::int64_t token) {
  const std::byte* w = a.w + static_cast<std::size_t>(row) * a.w_stride;
  const float* x = a.x + token * a.x_stride;
  F32x16 sum[rows][tokens];
  for (int r = 0; r < rows; ++r) {
    for (int t = 0; t < tokens; ++t) sum[r][t] = F32x16::broadcast(0.0f);
  }
  const std::int64_t blocks = a.cols / (16 * Weights::vectors);
  for (std::int64_t block = 0; block < blocks; ++block) {
    for (int r = 0; r < rows; ++r) {
      for (int part = 0; part < Weights::vectors; ++part) {
        const std::byte* from = w + static_cast<std::size_t>(r) * a.w_stride + block * Weights::block_bytes;
        // A row of blocks is too short and too slow to decode for the hardware's prefetcher: fetch the next
        // tile's.
        if (Weights::vectors > 1 && tokens == 1 && part == 0) __builtin_prefetch(from + rows * a.w_stride);
        const F32x16 weights = Weights::decode(from, part);
        for (int t = 0; t < tokens; ++t) {
          const float* values = x + t * a.x_stride + (block * Weights::vectors + part) * 16;
          sum[r][t] = fma(weights, F32x16::load(values), sum[r][t]);
        }
      }
    }
  }
  if constexpr (Weights::vectors == 1) {
    const int rest = static_cast<int>(a.cols % 16);
    if (rest != 0) {
      for (int r = 0; r < rows; ++r) {
        const std::byte* from = w + static_cast<std::size_t>(r) * a.w_stride + blocks * Weights::block_bytes;
        const F32x16 weights = Weights::decode_partial(from, rest);
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
