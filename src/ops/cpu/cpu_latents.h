// Latent attention of the CPU backend: which tokens take which form, and the one that attends to latents.
#pragma once

#include <cstdint>

#include "ops/cpu/expanded_latents.h"

namespace yoke::ops::cpu {

/// Attention of q (tokens, n_heads · k_dim) into out (tokens, n_heads · v_dim), in the form that
/// LatentSpec::expand_from says for each sequence.
void attend_latents(const Step& step, const LatentHeads& latents, std::int64_t expand_from,
                    const PagedKv& cache, const Tools& tools, const float* q, float* out);

/// The most scratch that attend_latents() takes where expand_from is 0.
std::uint64_t latents_scratch_bytes(const Heads& kept, std::int64_t k_dim, std::int64_t v_dim,
                                    const CacheSize& size);

/// Tokens from which on it is less work, in multiply-adds, to make a head's key and value of each position
/// than to attend with heads of the size of latents. A large number where it never is.
std::int64_t least_expanded(const Heads& kept, std::int64_t k_dim, std::int64_t v_dim);

}  // namespace yoke::ops::cpu
