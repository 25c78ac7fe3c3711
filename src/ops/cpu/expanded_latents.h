// Latent attention in its form for prompts: keys and values of every head are made of the latents.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "ops/cpu/cpu_attention.h"
#include "ops/cpu/cpu_matrix.h"
#include "ops/cpu/tools.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// This rank's heads, at least one, with a matrix of each (see LatentSpec).
struct LatentHeads {
  const Heads& kept;  // as the cache keeps them
  std::span<const std::unique_ptr<WeightMatrix>> k_b;
  std::span<const std::unique_ptr<WeightMatrix>> v_b;
  float scale;

  std::int64_t n_heads() const { return kept.n_heads; }
  std::int64_t rank() const { return kept.v_dim; }
  std::int64_t rotated() const { return kept.k_dim - kept.v_dim; }
  std::int64_t made() const { return k_b.front()->cols; }  // values of a key that are made of the latent
  std::int64_t k_dim() const { return made() + rotated(); }
  std::int64_t v_dim() const { return v_b.front()->rows; }
};

/// Attention of `tokens` of the step, all of one sequence, whose latents have been stored. Keys and values
/// are made of some tiles of latents at a time, as F32, and a token goes through them in order: its bits
/// depend on nothing but its query and the latents. q is (step's tokens, n_heads · k_dim), out (step's
/// tokens, n_heads · v_dim), of which the rows of `tokens` are read and written.
void attend_expanded(const Step& step, std::span<const std::int32_t> tokens, const LatentHeads& latents,
                     const PagedKv& cache, const Tools& tools, const float* q, float* out);

/// The most scratch that attend_expanded() takes for so many tokens.
std::uint64_t expanded_scratch_bytes(const Heads& kept, std::int64_t k_dim, std::int64_t v_dim,
                                     std::int64_t tokens);

}  // namespace yoke::ops::cpu
