// The kernels, written once over F32x16 and compiled once per instruction set: the table that an isa_*.cpp
// makes of them. See vec_scalar.h for the rules and for what the operations mean.
#pragma once

#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/matmul.h"
#include "kernels/tables.h"

namespace yoke::kernels {
namespace {

constexpr Kernels make_table(std::string_view isa) {
  return {.isa = isa,
          .matmul_f32 = matmul<F32Weights>,
          .matmul_f16 = matmul<F16Weights>,
          .matmul_bf16 = matmul<Bf16Weights>,
          .matmul_q8_0 = matmul<Q8Weights>,
          .matmul_q4_0 = matmul<Q4Weights>,
          .sum_of_squares = sum_of_squares,
          .scale_by = scale_by,
          .add = add,
          .silu_mul = silu_mul,
          .rope_interleaved = rope_interleaved,
          .rope_neox = rope_neox,
          .attention_tile = attention_tile,
          .exp = exp_kernel};
}

}  // namespace
}  // namespace yoke::kernels
