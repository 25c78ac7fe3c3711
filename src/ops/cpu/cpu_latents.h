// Latent attention of the CPU backend: which tokens take which form, and the one that attends to latents.
#pragma once

#include <cstdint>

#include "ops/cpu/expanded_latents.h"

namespace yoke::ops::cpu {

/// Attention of q (tokens, n_heads · k_dim) into out (tokens, n_heads · v_dim), in the form that the step
/// says for each token.
void attend_latents(const Step& step, const LatentHeads& latents, const PagedKv& cache, const Tools& tools,
                    const float* q, float* out);

/// The most scratch that attend_latents() takes, where tokens may be expanded or never are.
std::uint64_t latents_scratch_bytes(const Heads& kept, std::int64_t k_dim, std::int64_t v_dim,
                                    const CacheSize& size, bool expands);

}  // namespace yoke::ops::cpu
