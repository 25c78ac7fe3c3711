// The kernels, written once over F32x16 and compiled once per instruction set: the table that an isa_*.cpp
// makes of them. See vec_scalar.h for the rules and for what the operations mean.
#pragma once

#include "kernels/attention.h"
#include "kernels/delta_rule.h"
#include "kernels/elementwise.h"
#include "kernels/iq_weights.h"
#include "kernels/k_weights.h"
#include "kernels/matmul.h"
#include "kernels/panel_activations.h"
#include "kernels/peak.h"
#include "kernels/tables.h"
#include "kernels/weights.h"

namespace yoke::kernels {
namespace {

constexpr Kernels::MatMulOf matmuls[] = {
    {quant::Type::f32, matmul<F32Weights>},        {quant::Type::f16, matmul<F16Weights>},
    {quant::Type::bf16, matmul<Bf16Weights>},      {quant::Type::q8_0, matmul<Q8_0Weights>},
    {quant::Type::q4_0, matmul<Q4_0Weights>},      {quant::Type::q4_1, matmul<Q4_1Weights>},
    {quant::Type::q5_0, matmul<Q5_0Weights>},      {quant::Type::q5_1, matmul<Q5_1Weights>},
    {quant::Type::q2_k, matmul<Q2_KWeights>},      {quant::Type::q3_k, matmul<Q3_KWeights>},
    {quant::Type::q4_k, matmul<Q4_KWeights>},      {quant::Type::q5_k, matmul<Q5_KWeights>},
    {quant::Type::q6_k, matmul<Q6_KWeights>},      {quant::Type::iq4_nl, matmul<Iq4NlWeights>},
    {quant::Type::iq4_xs, matmul<Iq4XsWeights>},   {quant::Type::mxfp4, matmul<Mxfp4Weights>},
    {quant::Type::iq1_s, matmul<Iq1SWeights>},     {quant::Type::iq1_m, matmul<Iq1MWeights>},
    {quant::Type::iq2_xxs, matmul<Iq2XxsWeights>}, {quant::Type::iq2_xs, matmul<Iq2XsWeights>},
    {quant::Type::iq2_s, matmul<Iq2SWeights>},     {quant::Type::iq3_xxs, matmul<Iq3XxsWeights>},
    {quant::Type::iq3_s, matmul<Iq3SWeights>}};

constexpr KvKernels kv_table[] = {kv_kernels_of<PlainTile<F16Values>>(KvType::f16),
                                  kv_kernels_of<PlainTile<F32Values>>(KvType::f32),
                                  kv_kernels_of<Q8Tile>(KvType::q8)};

constexpr Kernels make_table(std::string_view isa, const PanelMultiplies& panels,
                             const IqPanelMultiplies& iq_panels) {
  return {.isa = isa,
          .matmuls = matmuls,
          .panel_multiplies = panels.of,
          .iq_panel_multiplies = iq_panels.of,
          .quantize_activations = quantize_activations,
          .sum_of_squares = sum_of_squares,
          .scale_by = scale_by,
          .add = add,
          .add_scaled = add_scaled,
          .sum = sum,
          .sigmoid = sigmoid_kernel,
          .softplus = softplus_kernel,
          .soft_cap = soft_cap,
          .silu_mul = silu_mul,
          .sigmoid_mul = sigmoid_mul,
          .gelu_mul = gelu_mul,
          .clamped_swiglu_mul = clamped_swiglu_mul,
          .rope_interleaved = rope_interleaved,
          .rope_neox = rope_neox,
          .kv_kernels = kv_table,
          .merge_attention = merge_attention,
          .finish_attention = finish_attention,
          .exp = exp_kernel,
          .convolve = convolve,
          .delta_rule = delta_rule,
          .int8_peak = int8_peak,
          .f32_peak = f32_peak};
}

}  // namespace
}  // namespace yoke::kernels
