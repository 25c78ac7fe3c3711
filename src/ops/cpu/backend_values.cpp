// Values: what changes each of them by itself, puts them together and takes them apart.
#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "ops/cpu/backend.h"
#include "ops/cpu/handles.h"

namespace yoke::ops::cpu {
namespace {

void multiply_by(float factor, float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] *= factor;
}

}  // namespace

Activations Backend::add(Activations x, Activations y) {
  assert(x.tokens == y.tokens && x.width == y.width);
  for_tokens(x, [&](std::int64_t t) { kernels_.add(row(x, t), row(y, t), x.width); });
  return x;
}

Activations Backend::add_bias(Activations x, const Vector& bias) {
  if (!bias) return x;
  assert(bias.size == x.width);
  for_tokens(x, [&](std::int64_t t) { kernels_.add(row(x, t), values(bias).data(), x.width); });
  return x;
}

Activations Backend::scale(Activations x, float factor) {
  for_tokens(x, [&](std::int64_t t) { multiply_by(factor, row(x, t), x.width); });
  return x;
}

Activations Backend::scale_by_position(Activations x, const PositionScale& by) {
  assert(by.length > 0 && x.tokens == tokens());
  if (by.slope == 0) return x;
  for_tokens(x, [&](std::int64_t t) {
    const std::int64_t lengths = (step_.positions[t] + by.offset) / by.length;
    const auto factor = static_cast<float>(1 + by.slope * std::log1p(static_cast<double>(lengths)));
    multiply_by(factor, row(x, t), x.width);
  });
  return x;
}

Activations Backend::scale_by_sigmoid(Activations x, Activations score) {
  assert(x.tokens == score.tokens && score.width == 1);
  for_tokens(x, [&](std::int64_t t) {
    float factor = 0;
    kernels_.sigmoid(row(score, t), &factor, 1);
    multiply_by(factor, row(x, t), x.width);
  });
  return x;
}

Activations Backend::soft_cap(Activations x, float cap) {
  for_tokens(x, [&](std::int64_t t) { kernels_.soft_cap(row(x, t), cap, row(x, t), x.width); });
  return x;
}

Activations Backend::gelu(Activations x) {
  constexpr std::int64_t piece = 64;
  std::array<float, piece> ones;
  ones.fill(1);
  for_tokens(x, [&](std::int64_t t) {
    for (std::int64_t i = 0; i < x.width; i += piece)
      kernels_.gelu_mul(row(x, t) + i, ones.data(), row(x, t) + i, std::min(piece, x.width - i));
  });
  return x;
}

Activations Backend::concat(Activations x, Activations y) {
  assert(x.tokens == y.tokens);
  const Activations out = make(x.tokens, x.width + y.width);
  for (std::int64_t t = 0; t < x.tokens; ++t)
    std::copy_n(row(y, t), y.width, std::copy_n(row(x, t), x.width, row(out, t)));
  return out;
}

Activations Backend::columns(Activations x, std::int64_t first, std::int64_t n) {
  assert(first >= 0 && n >= 0 && first + n <= x.width);
  const Activations out = make(x.tokens, n);
  for_tokens(out, [&](std::int64_t t) { std::copy_n(row(x, t) + first, n, row(out, t)); });
  return out;
}

Activations Backend::rows(Activations x, std::int64_t first, std::int64_t n) {
  assert(first >= 0 && n >= 0 && first + n <= x.tokens);
  return {row(x, first), n, x.width};
}

}  // namespace yoke::ops::cpu
