// Layers that remember a state of each sequence, not its positions: the short convolution and the gated delta
// rule of the CPU backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/anonymous_memory.h"
#include "ops/cpu/tools.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

struct ShortConvolution final : Storage {
  /// `weights_of_channels`: (channels, taps).
  ShortConvolution(std::span<const float> weights_of_channels, std::int64_t taps_, std::int64_t states);

  float* kept_in(std::int32_t state) {
    return kept.data() + static_cast<std::size_t>(state * (taps - 1) * channels);
  }

  std::int64_t taps, channels;
  std::vector<float> weights;  // (taps, channels)
  std::vector<float> kept;     // (states, taps − 1, channels): inputs of the last tokens, the newest last
};

/// The state of a head lies in panels of some columns, (k_dim, columns) one behind the other: a thread that
/// computes some columns for many tokens has them in its first cache. Only what has been used takes memory.
struct DeltaStates final : Storage {
  static constexpr std::int64_t panel_columns = 32;

  DeltaStates(const DeltaHeads& heads, std::int64_t states);

  float* of(std::int32_t state, std::int64_t v_head) const {
    return reinterpret_cast<float*>(memory.bytes().data()) + (state * n_v_heads + v_head) * head_values;
  }

  std::int64_t n_v_heads, head_values;
  AnonymousMemory memory;
};

/// Bytes that states take; the largest number there is where they do not fit in 64 bits.
std::uint64_t convolution_bytes(std::int64_t channels, std::int64_t taps, std::int64_t states);
std::uint64_t delta_state_bytes(const DeltaHeads& heads, std::int64_t states);

/// x and out: (tokens, channels).
void convolve(const Step& step, ShortConvolution& convolution, const Tools& tools, const float* x,
              float* out);

/// The fields of DeltaInputs in memory.
struct DeltaArrays {
  float* qkv;  // changed
  const float* scores;
  const float* score_bias;
  const float* rate;
  float epsilon;
};
/// out: (tokens, n_v_heads · v_dim). A sequence's tokens go through a state one by one, so how many come at
/// once changes no bit, nor does how threads share heads and columns.
void delta_rule(const Step& step, const DeltaHeads& heads, DeltaStates& states, const DeltaArrays& x,
                const Tools& tools, float* out);

}  // namespace yoke::ops::cpu
