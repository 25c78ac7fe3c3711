// What goes element by element through vectors: e^x, norms, gates, rotations. Contracts: Kernels.
// Written over F32x16, which vec_*.h defines before; see vec_scalar.h.
#pragma once

#include <cstdint>

namespace yoke::kernels {
namespace {

/// Calls body(i, 16) for whole vectors, then body(i, rest) for what is left.
template <class Body>
inline void for_vectors(std::int64_t n, Body body) {
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) body(i, 16);
  if (i < n) body(i, static_cast<int>(n - i));
}

inline F32x16 load(const float* from, int n) {
  return n == 16 ? F32x16::load(from) : F32x16::load_partial(from, n);
}

inline void store(F32x16 value, float* to, int n) {
  if (n == 16) {
    value.store(to);
  } else {
    value.store_partial(to, n);
  }
}

/// Whole numbers nearest to x, ties to even, for |x| ≤ 2²².
inline I32x16 nearest(F32x16 x) {
  const F32x16 rounder = F32x16::broadcast(0x1.8p23f);  // adding it leaves them in the low bits
  return (x + rounder).bits() - rounder.bits();
}

inline F32x16 magnitude(F32x16 x) { return max(x, F32x16::broadcast(0.0f) - x); }

/// e^x within 1 unit in the last place (0.9 measured); subnormal results too. e^−∞ = 0, beyond the range ∞,
/// NaN stays. x = n·ln 2 + r with |r| ≤ ln 2 / 2 (Cody and Waite: ln 2 in two parts), then the Taylor series
/// of e^r, whose first missing term is below 2⁻²⁷.
inline F32x16 exp(F32x16 x) {
  const auto constant = [](float value) { return F32x16::broadcast(value); };
  // Outside these bounds results are 0 and ∞ already; within, n fits two exponents. A NaN passes both.
  x = min(constant(90.0f), max(constant(-105.0f), x));
  const F32x16 rounder = constant(0x1.8p23f);  // adding it leaves the nearest integer in the low bits
  const F32x16 shifted = fma(x, constant(0x1.715476p0f), rounder);
  const F32x16 n = shifted - rounder;
  F32x16 r = fma(n, constant(-0x1.62e4p-1f), x);
  r = fma(n, constant(-0x1.7f7d1cp-20f), r);

  F32x16 e = constant(1.0f / 5040);
  e = fma(e, r, constant(1.0f / 720));
  e = fma(e, r, constant(1.0f / 120));
  e = fma(e, r, constant(1.0f / 24));
  e = fma(e, r, constant(1.0f / 6));
  e = fma(e, r, constant(0.5f));
  e = fma(e, r, constant(1.0f));
  e = fma(e, r, constant(1.0f));

  // 2^n as a product of two, since n may lie beyond either end of the exponents; only the last product
  // rounds.
  const I32x16 exponent = shifted.bits() - rounder.bits();
  const I32x16 half = exponent.shift_right<1>();
  const I32x16 bias = I32x16::broadcast(127);
  const F32x16 power = F32x16::from_bits((half + bias).shift_left<23>());
  const F32x16 rest = F32x16::from_bits((exponent - half + bias).shift_left<23>());
  return e * power * rest;
}

void exp_kernel(const float* x, float* y, std::int64_t n) {
  for_vectors(n, [=](std::int64_t i, int count) { store(exp(load(x + i, count)), y + i, count); });
}

float sum_of_squares(const float* x, std::int64_t n) {
  F32x16 sum = F32x16::broadcast(0.0f);
  for_vectors(n, [&sum, x](std::int64_t i, int count) {
    const F32x16 values = load(x + i, count);
    sum = fma(values, values, sum);
  });
  return sum.reduce_add();
}

void scale_by(const float* x, float scale, const float* w, float* y, std::int64_t n) {
  const F32x16 factor = F32x16::broadcast(scale);
  for_vectors(n, [=](std::int64_t i, int count) {
    store(load(x + i, count) * factor * load(w + i, count), y + i, count);
  });
}

void add(float* y, const float* x, std::int64_t n) {
  for_vectors(
      n, [=](std::int64_t i, int count) { store(load(y + i, count) + load(x + i, count), y + i, count); });
}

void add_scaled(float* y, const float* x, float scale, std::int64_t n) {
  const F32x16 factor = F32x16::broadcast(scale);
  for_vectors(n, [=](std::int64_t i, int count) {
    store(fma(load(x + i, count), factor, load(y + i, count)), y + i, count);
  });
}

float sum(const float* x, std::int64_t n) {
  F32x16 total = F32x16::broadcast(0.0f);
  for_vectors(n, [&total, x](std::int64_t i, int count) { total = total + load(x + i, count); });
  return total.reduce_add();
}

/// 1 / (1 + e^−z)
inline F32x16 sigmoid(F32x16 z) {
  return F32x16::broadcast(1.0f) / (F32x16::broadcast(1.0f) + exp(F32x16::broadcast(-0.0f) - z));
}

void sigmoid_kernel(const float* x, float* y, std::int64_t n) {
  for_vectors(n, [=](std::int64_t i, int count) { store(sigmoid(load(x + i, count)), y + i, count); });
}

/// z / (1 + e^−z)
inline F32x16 silu(F32x16 z) { return z / (F32x16::broadcast(1.0f) + exp(F32x16::broadcast(-0.0f) - z)); }

/// ln(1 + e^x) = max(x, 0) + ln(1 + t) with t = e^−|x| in [0, 1], and ln(1 + t) = 2·artanh(z) with
/// z = t / (2 + t) ≤ 1/3, of whose series the first missing term is below 2⁻²⁹ of the sum. A NaN stays.
inline F32x16 softplus(F32x16 x) {
  const F32x16 zero = F32x16::broadcast(0.0f), two = F32x16::broadcast(2.0f);
  const F32x16 t = exp(min(x, zero - x));
  const F32x16 z = t / (two + t), square = z * z;
  constexpr float coefficients[] = {1.0f / 13, 1.0f / 11, 1.0f / 9, 1.0f / 7, 1.0f / 5, 1.0f / 3, 1.0f};
  F32x16 series = F32x16::broadcast(1.0f / 15);
  for (const float coefficient : coefficients) series = fma(series, square, F32x16::broadcast(coefficient));
  return fma(two * z, series, max(zero, x));
}

void softplus_kernel(const float* x, float* y, std::int64_t n) {
  for_vectors(n, [=](std::int64_t i, int count) { store(softplus(load(x + i, count)), y + i, count); });
}

/// cap · tanh(z / cap) = cap · (1 − 2 / (1 + e^(2z / cap)))
void soft_cap(const float* x, float cap, float* y, std::int64_t n) {
  const F32x16 one = F32x16::broadcast(1.0f), two = F32x16::broadcast(2.0f);
  const F32x16 whole = F32x16::broadcast(cap), twice_inverse = F32x16::broadcast(2.0f / cap);
  for_vectors(n, [=](std::int64_t i, int count) {
    const F32x16 growth = exp(load(x + i, count) * twice_inverse);
    store(whole * (one - two / (one + growth)), y + i, count);
  });
}

/// out = activation(gate) ⊙ up
template <class Activation>
inline void gate_mul(const float* gate, const float* up, float* out, std::int64_t n, Activation activation) {
  for_vectors(n, [=](std::int64_t i, int count) {
    store(activation(load(gate + i, count)) * load(up + i, count), out + i, count);
  });
}

void silu_mul(const float* gate, const float* up, float* out, std::int64_t n) {
  gate_mul(gate, up, out, n, [](F32x16 z) { return silu(z); });
}

void sigmoid_mul(const float* gate, const float* up, float* out, std::int64_t n) {
  gate_mul(gate, up, out, n, [](F32x16 z) { return sigmoid(z); });
}

void gelu_mul(const float* gate, const float* up, float* out, std::int64_t n) {
  // ½z(1 + tanh u) = z / (1 + e^−2u), u = √(2/π) · (z + 0.044715 z³)
  const F32x16 one = F32x16::broadcast(1.0f);
  const F32x16 linear = F32x16::broadcast(-1.5957691216f);
  const F32x16 cubic = F32x16::broadcast(-1.5957691216f * 0.044715f);
  gate_mul(gate, up, out, n, [=](F32x16 z) {
    const F32x16 minus_2u = z * fma(z * z, cubic, linear);
    return z / (one + exp(minus_2u));
  });
}

void clamped_swiglu_mul(const float* gate, const float* up, float* out, std::int64_t n) {
  const F32x16 one = F32x16::broadcast(1.0f);
  const F32x16 limit = F32x16::broadcast(7.0f), minus_limit = F32x16::broadcast(-7.0f);
  const F32x16 minus_alpha = F32x16::broadcast(-1.702f);
  for_vectors(n, [=](std::int64_t i, int count) {
    const F32x16 z = min(limit, load(gate + i, count));
    const F32x16 linear = max(minus_limit, min(limit, load(up + i, count))) + one;
    store(z / (one + exp(minus_alpha * z)) * linear, out + i, count);
  });
}

/// (even, odd) turned by the angle whose cosine and sine are given.
struct Turned {
  F32x16 even, odd;
};
inline Turned turn(F32x16 even, F32x16 odd, F32x16 cos, F32x16 sin) {
  const F32x16 minus_zero = F32x16::broadcast(-0.0f);
  return {fma(even, cos, minus_zero - odd * sin), fma(even, sin, odd * cos)};
}

void rope_interleaved(float* x, const float* cos, const float* sin, std::int64_t pairs) {
  for_vectors(pairs, [=](std::int64_t i, int count) {
    float even[16] = {};
    float odd[16] = {};
    for (int pair = 0; pair < count; ++pair) {
      even[pair] = x[2 * (i + pair)];
      odd[pair] = x[2 * (i + pair) + 1];
    }
    const Turned turned =
        turn(F32x16::load(even), F32x16::load(odd), load(cos + i, count), load(sin + i, count));
    turned.even.store(even);
    turned.odd.store(odd);
    for (int pair = 0; pair < count; ++pair) {
      x[2 * (i + pair)] = even[pair];
      x[2 * (i + pair) + 1] = odd[pair];
    }
  });
}

void rope_neox(float* x, const float* cos, const float* sin, std::int64_t pairs) {
  for_vectors(pairs, [=](std::int64_t i, int count) {
    float* first = x + i;
    float* second = x + pairs + i;
    const Turned turned =
        turn(load(first, count), load(second, count), load(cos + i, count), load(sin + i, count));
    store(turned.even, first, count);
    store(turned.odd, second, count);
  });
}

}  // namespace
}  // namespace yoke::kernels
