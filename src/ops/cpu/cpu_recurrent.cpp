#include "ops/cpu/cpu_recurrent.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/saturating.h"

namespace yoke::ops::cpu {
namespace {

/// A checkpoint after so many tokens of a sequence.
struct Kept {
  std::int64_t tokens;
  std::int32_t state;
};

/// The tokens of one sequence of a step, which are at consecutive positions.
struct SequenceTokens {
  std::int32_t state = 0;            // its own
  std::int32_t resumed = 0;          // that it goes on from
  bool begins = false;               // at position 0: what its state holds is another's
  std::vector<std::int32_t> tokens;  // in order
  std::vector<Kept> checkpoints;     // likewise
};

/// Of the sequences that have tokens in the step.
std::vector<SequenceTokens> sequences_of(const Step& step) {
  assert(step.slots.size() == step.page_tables.size());
  std::vector<SequenceTokens> all(step.slots.size());
  for (std::size_t t = 0; t < step.sequences.size(); ++t) {
    SequenceTokens& sequence = all[static_cast<std::size_t>(step.sequences[t])];
    if (sequence.tokens.empty()) sequence.begins = step.positions[t] == 0;
    sequence.tokens.push_back(static_cast<std::int32_t>(t));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].state = step.slots[i];
    all[i].resumed = step.resumed.empty() || all[i].begins ? step.slots[i] : step.resumed[i];
  }
  for (const Checkpoint& each : step.checkpoints) {
    SequenceTokens& sequence = all[static_cast<std::size_t>(each.sequence)];
    const std::int32_t first = step.positions[static_cast<std::size_t>(sequence.tokens.front())];
    sequence.checkpoints.push_back({each.position - first, each.state});
  }
  std::erase_if(all, [](const SequenceTokens& sequence) { return sequence.tokens.empty(); });
  return all;
}

/// Channels [begin, end) of one sequence.
void convolve_channels(const SequenceTokens& sequence, ShortConvolution& convolution,
                       const kernels::Kernels& kernels, const float* x, float* out, std::int64_t begin,
                       std::int64_t end) {
  const std::int64_t channels = convolution.channels, before = convolution.taps - 1;
  float* const resumed = convolution.kept_in(sequence.resumed) + begin;
  if (sequence.begins) {
    for (std::int64_t i = 0; i < before; ++i) std::fill_n(resumed + i * channels, end - begin, 0.0f);
  }
  // Of the sequence's token i, from −before on.
  const auto input = [&](std::int64_t i) -> const float* {
    return i < 0 ? resumed + (before + i) * channels
                 : x + sequence.tokens[static_cast<std::size_t>(i)] * channels + begin;
  };
  const std::int64_t n = std::ssize(sequence.tokens);
  std::vector<const float*> rows(static_cast<std::size_t>(convolution.taps));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t tap = 0; tap <= before; ++tap)
      rows[static_cast<std::size_t>(tap)] = input(i - before + tap);
    kernels.convolve(rows.data(), convolution.taps, convolution.weights.data() + begin, channels,
                     out + sequence.tokens[static_cast<std::size_t>(i)] * channels + begin, end - begin);
  }
  // The inputs before token `at`; where they stand in the same state, those to come later are read later.
  const auto keep = [&](std::int64_t at, std::int32_t state) {
    float* const kept = convolution.kept_in(state) + begin;
    for (std::int64_t i = 0; i < before; ++i) {
      if (const float* const from = input(at - before + i); from != kept + i * channels)
        std::copy_n(from, end - begin, kept + i * channels);
    }
  };
  for (const Kept& each : sequence.checkpoints) keep(each.tokens, each.state);
  keep(n, sequence.state);
}

/// α and β of every token and value head, (tokens, n_v_heads) each.
struct Gates {
  float* decay;
  float* beta;
};

/// Divides a head by its length, times `scale`.
void normalise(float* head, std::int64_t n, float epsilon, float scale, const kernels::Kernels& kernels) {
  const float factor = scale / std::sqrt(kernels.sum_of_squares(head, n) + epsilon);
  for (std::int64_t i = 0; i < n; ++i) head[i] *= factor;
}

/// What is of one token alone: normalised heads, the queries also divided by √k_dim, and its gates.
void prepare_token(std::int64_t t, const DeltaHeads& heads, const DeltaArrays& x, const Gates& gates,
                   const kernels::Kernels& kernels) {
  const std::int64_t n = heads.n_v_heads(), group = heads.group;
  float* const q = x.qkv + t * heads.channels();
  const float scale = 1.0f / std::sqrt(static_cast<float>(heads.k_dim));
  for (std::int64_t head = 0; head < 2 * heads.n_k_heads; ++head) {
    normalise(q + head * heads.k_dim, heads.k_dim, x.epsilon, head < heads.n_k_heads ? scale : 1.0f, kernels);
  }
  float* const decay = gates.decay + t * n;
  float* const beta = gates.beta + t * n;
  for (std::int64_t head = 0; head < heads.n_k_heads; ++head) {
    const float* const scores = x.scores + 2 * (t * n + head * group);
    std::copy_n(scores, group, beta + head * group);
    std::copy_n(scores + group, group, decay + head * group);
  }
  kernels.sigmoid(beta, beta, n);
  kernels.add(decay, x.score_bias, n);
  kernels.softplus(decay, decay, n);
  for (std::int64_t head = 0; head < n; ++head) decay[head] *= x.rate[head];
  kernels.exp(decay, decay, n);
}

/// Takes the tokens of a sequence through one panel of a value head's state.
void run_panel(const SequenceTokens& sequence, const DeltaHeads& heads, const DeltaStates& states,
               std::int64_t v_head, std::int64_t panel, const DeltaArrays& x, const Gates& gates,
               const kernels::Kernels& kernels, float* out) {
  const std::int64_t first = panel * DeltaStates::panel_columns;
  const std::int64_t columns = std::min(DeltaStates::panel_columns, heads.v_dim - first);
  const auto panel_of = [&](std::int32_t state) { return states.of(state, v_head) + heads.k_dim * first; };
  float* const state = panel_of(sequence.state);
  const std::int64_t values = heads.k_dim * columns;
  if (sequence.begins) {
    std::fill_n(state, values, 0.0f);
  } else if (sequence.resumed != sequence.state) {
    std::copy_n(panel_of(sequence.resumed), values, state);
  }
  const std::int64_t keys = heads.n_k_heads * heads.k_dim, n = heads.n_v_heads();
  const std::int64_t of_key_head = v_head / heads.group * heads.k_dim;
  const std::int64_t of_value_head = v_head * heads.v_dim + first;
  auto checkpoint = sequence.checkpoints.begin();
  for (std::int64_t i = 0; i < std::ssize(sequence.tokens); ++i) {
    const std::int32_t t = sequence.tokens[static_cast<std::size_t>(i)];
    const float* const qkv = x.qkv + t * heads.channels();
    kernels.delta_rule({.q = qkv + of_key_head,
                        .k = qkv + keys + of_key_head,
                        .v = qkv + 2 * keys + of_value_head,
                        .decay = gates.decay[t * n + v_head],
                        .beta = gates.beta[t * n + v_head],
                        .out = out + t * n * heads.v_dim + of_value_head},
                       state, heads.k_dim, columns);
    if (checkpoint != sequence.checkpoints.end() && checkpoint->tokens == i + 1)
      std::copy_n(state, values, panel_of((checkpoint++)->state));
  }
}

}  // namespace

ShortConvolution::ShortConvolution(std::span<const float> weights_of_channels, std::int64_t taps_,
                                   std::int64_t states)
    : taps(taps_),
      channels(std::ssize(weights_of_channels) / taps_),
      weights(weights_of_channels.size()),
      kept(static_cast<std::size_t>(states * (taps - 1) * channels)) {
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      weights[static_cast<std::size_t>(tap * channels + channel)] =
          weights_of_channels[static_cast<std::size_t>(channel * taps + tap)];
    }
  }
}

DeltaStates::DeltaStates(const DeltaHeads& heads, std::int64_t states)
    : n_v_heads(heads.n_v_heads()),
      head_values(heads.k_dim * heads.v_dim),
      memory(std::max<std::uint64_t>(1, delta_state_bytes(heads, states))) {}

std::uint64_t convolution_bytes(std::int64_t channels, std::int64_t taps, std::int64_t states) {
  return saturating_product(states, taps - 1, channels, sizeof(float));
}

std::uint64_t delta_state_bytes(const DeltaHeads& heads, std::int64_t states) {
  return saturating_product(states, heads.n_v_heads(), heads.k_dim, heads.v_dim, sizeof(float));
}

void convolve(const Step& step, ShortConvolution& convolution, const Tools& tools, const float* x,
              float* out) {
  constexpr std::int64_t channels_of_a_share = 256;
  const std::vector<SequenceTokens> sequences = sequences_of(step);
  tools.pool.split(convolution.channels, channels_of_a_share, [&](std::int64_t begin, std::int64_t end) {
    for (const SequenceTokens& sequence : sequences)
      convolve_channels(sequence, convolution, tools.kernels, x, out, begin, end);
  });
}

void delta_rule(const Step& step, const DeltaHeads& heads, DeltaStates& states, const DeltaArrays& x,
                const Tools& tools, float* out) {
  const std::int64_t tokens = std::ssize(step.tokens), n = heads.n_v_heads();
  if (n == 0) return;
  const std::vector<SequenceTokens> sequences = sequences_of(step);
  const Gates gates{tools.scratch.floats(tokens * n).data(), tools.scratch.floats(tokens * n).data()};
  const auto prepare = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) prepare_token(t, heads, x, gates, tools.kernels);
  };
  const std::int64_t panels = (heads.v_dim + DeltaStates::panel_columns - 1) / DeltaStates::panel_columns;
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      run_panel(sequences[static_cast<std::size_t>(i / (n * panels))], heads, states, i / panels % n,
                i % panels, x, gates, tools.kernels, out);
    }
  };
  ThreadPool& pool = tools.pool;
  pool.share_after([&](int thread) { pool.split_of(thread, tokens, 1, prepare); },
                   std::ssize(sequences) * n * panels, run);
}

}  // namespace yoke::ops::cpu
