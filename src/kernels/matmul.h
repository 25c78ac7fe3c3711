// Products of weights, in any format of weights.h and k_weights.h, with F32 activations. Contract:
// Kernels::MatMul.
// Written over F32x16, which vec_*.h defines before; see vec_scalar.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace yoke::kernels {
namespace {

constexpr int least_of(int a, int b) { return b < a ? b : a; }

/// A number known to the compiler.
template <int n>
struct Constant {
  constexpr operator int() const { return n; }
};

/// body(Constant<0>), body(Constant<1>) … below `end`.
template <int end, int i = 0, class Body>
inline void unrolled(const Body& body) {
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

/// The blocks at one place of neighbouring rows.
template <class Weights, int rows>
struct TileBlocks : TileBlocks<Weights, rows - 1> {
  Weights last;

  TileBlocks(const std::byte* first, std::size_t stride)
      : TileBlocks<Weights, rows - 1>(first, stride), last(first + (rows - 1) * stride) {}
  template <int row>
  const Weights& of() const {
    return TileBlocks<Weights, row + 1>::last;
  }
};
template <class Weights>
struct TileBlocks<Weights, 0> {
  TileBlocks(const std::byte*, std::size_t) {}
};

/// A tile of `rows` × `tokens` results from (row, token) on. Each has one accumulator, so its bits do not
/// depend on the tile. Flattened, since sums live in registers only where no call is left.
template <class Weights, int rows, int tokens>
[[gnu::flatten]] inline void multiply_tile(const MatMulArguments& a, std::int64_t row, std::int64_t token) {
  constexpr int block_vectors = Weights::groups * Weights::vectors;
  const std::byte* w = a.w + static_cast<std::size_t>(row) * a.w_stride;
  const float* x = a.x + token * a.x_stride;
  F32x16 sum[rows][tokens];
  for (int r = 0; r < rows; ++r) {
    for (int t = 0; t < tokens; ++t) sum[r][t] = F32x16::broadcast(0.0f);
  }
  const auto add_group = [&](auto r, const auto& group, const float* values) {
    unrolled<Weights::vectors>([&](auto part) {
      const F32x16 weights = group.template decode<part>();
      for (int t = 0; t < tokens; ++t) {
        sum[r][t] = fma(weights, F32x16::load(values + t * a.x_stride + part * 16), sum[r][t]);
      }
    });
  };
  const std::int64_t blocks = a.cols / (16 * block_vectors);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::byte* from = w + block * Weights::block_bytes;
    const float* values = x + block * block_vectors * 16;
    if (block_vectors > 1 && tokens == 1) {
      for (int r = 0; r < rows; ++r)
        prefetch<Weights>(from + static_cast<std::size_t>(rows + r) * a.w_stride);
    }
    if constexpr (Weights::groups == 1) {
      unrolled<rows>([&](auto r) {
        const Weights weights(from + static_cast<std::size_t>(r) * a.w_stride);
        add_group(r, weights.group(0), values);
      });
    } else {
      // Rows take turns, group by group: a row by itself would wait for each of its sums.
      const TileBlocks<Weights, rows> weights(from, a.w_stride);
      for (int g = 0; g < Weights::groups; ++g) {
        unrolled<rows>([&](auto r) {
          add_group(r, weights.template of<r>().group(g), values + g * Weights::vectors * 16);
        });
      }
    }
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
