// Norms: of what matmuls read, of heads, and of what ranks hold parts of.
#include <cassert>
#include <vector>

#include "ops/cpu/backend.h"
#include "ops/cpu/cpu_norms.h"
#include "ops/cpu/handles.h"

namespace yoke::ops::cpu {
namespace {

/// rms_norm of as many values as the weight has, where they are.
void rms_norm_at(const kernels::Kernels& kernels, float* x, const std::vector<float>& weight, float epsilon) {
  normalise(kernels, x, weight.data(), std::ssize(weight), epsilon, x);
}

}  // namespace

Normed Backend::normed(Activations x, const Vector& weight, const Vector& bias, float epsilon, bool centred) {
  const Activations out = make(x.tokens, x.width);
  Operand& made = operands_.emplace_back(operand(out));
  made.norm = {.x = data(x),
               .y = data(out),
               .weight = values(weight).data(),
               .bias = values_or_none(bias),
               .epsilon = epsilon,
               .centred = centred};
  return {out, &made};
}

Normed Backend::rms_norm(Activations x, const Vector& weight, float epsilon) {
  assert(weight.size == x.width);
  return normed(x, weight, {}, epsilon, false);
}

Normed Backend::layer_norm(Activations x, const Vector& weight, const Vector& bias, float epsilon) {
  assert(weight.size == x.width && (!bias || bias.size == x.width));
  return normed(x, weight, bias, epsilon, true);
}

Normed Backend::unnormed(Activations x) { return {x, &operands_.emplace_back(operand(x))}; }

Activations Backend::rms_norm_heads(Activations x, const Vector& weight, float epsilon) {
  assert(x.width % weight.size == 0);
  for_tokens(x, [&](std::int64_t t) {
    for (std::int64_t first = 0; first < x.width; first += weight.size)
      rms_norm_at(kernels_, row(x, t) + first, values(weight), epsilon);
  });
  return x;
}

Activations Backend::rms_norm_heads(Activations x, std::int64_t head_dim, float epsilon) {
  assert(x.width % head_dim == 0);
  for_tokens(x, [&](std::int64_t t) {
    for (float* head = row(x, t); head < row(x, t) + x.width; head += head_dim) {
      const float factor = inverse_root(kernels_.sum_of_squares(head, head_dim), head_dim, epsilon);
      for (std::int64_t i = 0; i < head_dim; ++i) head[i] *= factor;
    }
  });
  return x;
}

Activations Backend::rms_norm_first(Activations x, const Vector& weight, float epsilon) {
  assert(weight.size <= x.width);
  for_tokens(x, [&](std::int64_t t) { rms_norm_at(kernels_, row(x, t), values(weight), epsilon); });
  return x;
}

void Backend::rms_norm_split(std::span<const SplitNorm> norms, float epsilon) {
  const Activations sums = make(tokens(), std::ssize(norms));
  for (std::int64_t i = 0; i < sums.width; ++i) {
    const SplitNorm& norm = norms[i];
    assert(norm.weight.size == norm.x.width && norm.first_counted + norm.counted <= norm.x.width);
    for_tokens(norm.x, [&](std::int64_t t) {
      row(sums, t)[i] = kernels_.sum_of_squares(row(norm.x, t) + norm.first_counted, norm.counted);
    });
  }
  comm_.all_reduce({data(sums), static_cast<std::size_t>(sums.tokens * sums.width)});
  for (std::int64_t i = 0; i < sums.width; ++i) {
    const SplitNorm& norm = norms[i];
    for_tokens(norm.x, [&](std::int64_t t) {
      const float factor = inverse_root(row(sums, t)[i], norm.width, epsilon);
      kernels_.scale_by(row(norm.x, t), factor, values(norm.weight).data(), row(norm.x, t), norm.x.width);
    });
  }
}

Activations Backend::layer_norm_heads(Activations x, const Vector& weight, std::int64_t head_dim,
                                      float epsilon) {
  assert(weight.size == x.width && x.width % head_dim == 0);
  for_tokens(x, [&](std::int64_t t) {
    for (std::int64_t first = 0; first < x.width; first += head_dim) {
      float* const head = row(x, t) + first;
      centre(kernels_, head, head_dim, head);
      normalise(kernels_, head, values(weight).data() + first, head_dim, epsilon, head);
    }
  });
  return x;
}

}  // namespace yoke::ops::cpu
