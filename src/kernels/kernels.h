// The arithmetic of a decoder on one CPU thread: a table of functions per instruction set, the best one
// chosen at run time. Kernels neither allocate nor throw; sizes are the caller's promise.
//
// Every table gives the same bits: vectors are 16 lanes on every machine (one zmm, two ymm, four NEON
// registers, or an array), a sum runs over lane i = index mod 16 with explicit fused multiply-adds and is
// folded by one tree, and exp is ours. (A NaN may be any NaN.) A result depends on its own inputs only, never
// on how many rows or tokens are computed beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/gemv.h"
#include "kernels/kv.h"
#include "kernels/panels.h"
#include "quant/format.h"

namespace yoke::kernels {

/// What one token brings to a head of the gated delta rule, and where its result goes.
struct DeltaToken {
  const float* q;  // (k_dim)
  const float* k;  // (k_dim)
  const float* v;  // (columns)
  float decay;
  float beta;
  float* out;  // (columns)
};

struct Kernels {
  /// "scalar", "avx2", "avx512", "avx512vbmi", "neon", "neon-dotprod" or "neon-i8mm".
  std::string_view isa;

  /// y[t][r] = Σ_k w[r][k]·x[t][k] for rows r in [0, rows) and tokens t in [0, tokens). `w`: rows of blocks,
  /// w_stride bytes apart; x: (tokens, cols), x_stride floats apart; y: (tokens, rows), y_stride floats
  /// apart. cols is a whole number of blocks. One F32 chain per lane over k.
  using MatMul = void (*)(const std::byte* w, std::size_t w_stride, std::int64_t rows, std::int64_t cols,
                          const float* x, std::int64_t x_stride, std::int64_t tokens, float* y,
                          std::int64_t y_stride);
  struct MatMulOf {
    quant::Type type;
    MatMul multiply;
  };
  std::span<const MatMulOf> matmuls;  // one for each type of weights that can be multiplied

  /// The same of packed weights: y[t][r] for the panels and tokens of `product`. Quantised weights are
  /// multiplied with activations that quantize_activations() has made; products of 32 columns are exact, and
  /// a row's sum is one F32 chain over them. Floats are multiplied with floats, in one chain over columns.
  using PanelMultiply = void (*)(const PanelProduct& product);
  struct PanelMultiplyOf {
    quant::Type type;
    PanelMultiply multiply[gemv_count];  // in the order of `gemvs`; the same function where there is one way
  };
  std::span<const PanelMultiplyOf> panel_multiplies;
  std::span<const PanelMultiplyOf> iq_panel_multiplies;  // of the IQ formats of one to three bits
  /// One token: `cols`, a multiple of 32, values into blocks, of which there are two per unit; one
  /// without values becomes zeros. A block of values that are not all finite gets a d that is not finite.
  void (*quantize_activations)(const float* x, std::int64_t cols, ActivationBlock* blocks);

  /// Σ x[i]², in lane order.
  float (*sum_of_squares)(const float* x, std::int64_t n);
  /// y[i] = x[i]·scale·w[i]. y may be x.
  void (*scale_by)(const float* x, float scale, const float* w, float* y, std::int64_t n);
  /// y[i] += x[i]
  void (*add)(float* y, const float* x, std::int64_t n);
  /// y[i] += scale·x[i]
  void (*add_scaled)(float* y, const float* x, float scale, std::int64_t n);
  /// Σ x[i], in lane order.
  float (*sum)(const float* x, std::int64_t n);
  /// y[i] = 1 / (1 + e^−x[i]). y may be x, as in the next two.
  void (*sigmoid)(const float* x, float* y, std::int64_t n);
  /// y[i] = ln(1 + e^x[i])
  void (*softplus)(const float* x, float* y, std::int64_t n);
  /// y[i] = cap·tanh(x[i] / cap)
  void (*soft_cap)(const float* x, float cap, float* y, std::int64_t n);

  /// How the two halves of a gated unit become one: out[i] from gate[i] and up[i]. out may be either input.
  using GateMul = void (*)(const float* gate, const float* up, float* out, std::int64_t n);
  /// silu(gate)·up, silu(z) = z / (1 + e^−z).
  GateMul silu_mul;
  /// σ(gate)·up
  GateMul sigmoid_mul;
  /// gelu(gate)·up, gelu(z) = z/2 · (1 + tanh(√(2/π)·(z + 0.044715·z³))). Hendrycks and Gimpel,
  /// https://arxiv.org/abs/1606.08415.
  GateMul gelu_mul;
  /// g·σ(1.702·g)·(u + 1) with g = min(gate, 7) and u = up, bounded to ±7: gpt-oss's,
  /// https://github.com/openai/gpt-oss (swiglu in torch/model.py).
  GateMul clamped_swiglu_mul;
  /// Rotates pairs of x: (x[2i], x[2i+1]) when interleaved, (x[i], x[i + pairs]) otherwise (NeoX); cos and
  /// sin have `pairs` entries.
  void (*rope_interleaved)(float* x, const float* cos, const float* sin, std::int64_t pairs);
  void (*rope_neox)(float* x, const float* cos, const float* sin, std::int64_t pairs);
  std::span<const KvKernels> kv_kernels;  // one for each KvType
  /// Merges a part that was computed apart into `row`: the bits that merging its one tile into `row` gives.
  void (*merge_attention)(const AttentionRow& part, int v_dim, AttentionRow& row);
  /// acc = acc / sum: the last step.
  void (*finish_attention)(AttentionRow& row, int v_dim);
  /// y[i] = e^x[i]
  void (*exp)(const float* x, float* y, std::int64_t n);

  /// y[i] = silu(Σ_j w[j·w_stride + i]·rows[j][i]), one F32 chain over j in [0, taps). y is none of the rows.
  void (*convolve)(const float* const* rows, std::int64_t taps, const float* w, std::int64_t w_stride,
                   float* y, std::int64_t n);
  /// One token of the gated delta rule (Yang et al., https://arxiv.org/abs/2412.06464) on some columns of a
  /// head's state S, (k_dim, columns): S = decay·S, then S += k ⊗ beta·(v − Sᵀk), and out = Sᵀq. A column's
  /// sums depend on nothing beside it.
  void (*delta_rule)(const DeltaToken& token, float* state, std::int64_t k_dim, std::int64_t columns);

  /// Rounds of independent int8 products, of floats' fused multiply-adds, on values in registers. Returns how
  /// many multiply-adds they were: the time that they take tells what the multiplying units can do at most.
  std::int64_t (*int8_peak)(std::int64_t rounds);
  std::int64_t (*f32_peak)(std::int64_t rounds);

  /// Which way panel_multiply() takes. A machine's own choice is made in a copy of its table.
  GemvOfTypes gemv{};

  /// The matmul for rows stored as `type`; null where there is none.
  MatMul matmul(quant::Type type) const;
  PanelMultiply panel_multiply(quant::Type type) const { return panel_multiply(type, gemv.of(type)); }
  PanelMultiply panel_multiply(quant::Type type, Gemv way) const;
  /// Whether its ways differ.
  bool has_gemvs(quant::Type type) const;
  /// Those that store keys and values as `type`.
  const KvKernels& kv(KvType type) const;
};

/// Tables this machine can run, best first; "scalar" is always the last.
std::span<const Kernels* const> available();
/// The best table, or the one named by the environment variable YOKE_ISA. Throws Error for a name that is
/// unknown or that this machine cannot run; the sentence lists those it can.
const Kernels& best();
/// The table called `isa`; errors as above.
const Kernels& named(std::string_view isa);

}  // namespace yoke::kernels
