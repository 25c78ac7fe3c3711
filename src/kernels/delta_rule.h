// The gated delta rule, one token at a time, and the short convolution in front of it. Contracts:
// Kernels::delta_rule and Kernels::convolve.
// Written over F32x16, which vec_*.h defines before; see vec_scalar.h.
#pragma once

#include <cstdint>

#include "kernels/elementwise.h"
#include "kernels/kernels.h"
#include "kernels/matmul.h"

namespace yoke::kernels {
namespace {

void convolve(const float* const* rows, std::int64_t taps, const float* w, std::int64_t w_stride, float* y,
              std::int64_t n) {
  for_vectors(n, [=](std::int64_t i, int count) {
    F32x16 sum = F32x16::broadcast(0.0f);
    for (std::int64_t tap = 0; tap < taps; ++tap)
      sum = fma(load(w + tap * w_stride + i, count), load(rows[tap] + i, count), sum);
    store(silu(sum), y + i, count);
  });
}

/// Sums over rows run in so many chains, since each waits for the one before: row r is added to chain r mod
/// 4.
constexpr int delta_chains = 4;
/// Vectors of a row whose chains are held in registers.
constexpr int delta_vectors = attention_sums >= 16 ? 2 : 1;

/// Vectors of a state's columns; the last may be partial where it is the only one.
template <int vectors, class Count>
struct DeltaColumns {
  using Sums = F32x16[delta_chains][vectors];

  const DeltaToken& token;
  float* state;  // from the first of the columns on
  std::int64_t first, stride, rows;
  Count count;  // values of a vector

  F32x16 at(std::int64_t row, int v) const { return load(state + row * stride + 16 * v, count); }

  /// body(chain, row) for all rows in order.
  template <class Body>
  void for_rows(const Body& body) const {
    std::int64_t row = 0;
    for (; row + delta_chains <= rows; row += delta_chains)
      unrolled<delta_chains>([&](auto chain) { body(chain, row + chain); });
    unrolled<delta_chains - 1>([&](auto chain) {
      if (row + chain < rows) body(chain, row + chain);
    });
  }

  static void clear(Sums& sums) {
    unrolled<delta_chains * vectors>(
        [&](auto i) { sums[i / vectors][i % vectors] = F32x16::broadcast(0.0f); });
  }
  static F32x16 folded(const Sums& sums, int v) {
    return (sums[0][v] + sums[1][v]) + (sums[2][v] + sums[3][v]);
  }

  void run() const {
    Sums sums;
    clear(sums);
    for_rows([&](auto chain, std::int64_t row) {
      const F32x16 factor = F32x16::broadcast(token.k[row]);
      unrolled<vectors>([&](auto v) { sums[chain][v] = fma(factor, at(row, v), sums[chain][v]); });
    });
    const F32x16 decay = F32x16::broadcast(token.decay), beta = F32x16::broadcast(token.beta);
    F32x16 change[vectors];
    unrolled<vectors>([&](auto v) {
      change[v] = beta * (load(token.v + first + 16 * v, count) - decay * folded(sums, v));
    });
    clear(sums);
    for_rows([&](auto chain, std::int64_t row) {
      const F32x16 key = F32x16::broadcast(token.k[row]), query = F32x16::broadcast(token.q[row]);
      unrolled<vectors>([&](auto v) {
        const F32x16 value = fma(key, change[v], decay * at(row, v));
        store(value, state + row * stride + 16 * v, count);
        sums[chain][v] = fma(query, value, sums[chain][v]);
      });
    });
    unrolled<vectors>([&](auto v) { store(folded(sums, v), token.out + first + 16 * v, count); });
  }
};

template <int vectors, class Count>
inline void delta_columns(const DeltaToken& token, float* state, std::int64_t k_dim, std::int64_t columns,
                          std::int64_t first, Count count) {
  DeltaColumns<vectors, Count>{token, state + first, first, columns, k_dim, count}.run();
}

void delta_rule(const DeltaToken& token, float* state, std::int64_t k_dim, std::int64_t columns) {
  std::int64_t first = 0;
  for (; first + 16 * delta_vectors <= columns; first += 16 * delta_vectors)
    delta_columns<delta_vectors>(token, state, k_dim, columns, first, Constant<16>());
  for (; first + 16 <= columns; first += 16)
    delta_columns<1>(token, state, k_dim, columns, first, Constant<16>());
  if (first < columns)
    delta_columns<1>(token, state, k_dim, columns, first, static_cast<int>(columns - first));
}

}  // namespace
}  // namespace yoke::kernels
