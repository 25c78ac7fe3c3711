#include "ops/cpu/cpu_latents.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/saturating.h"
#include "ops/cpu/cpu_heads.h"

namespace yoke::ops::cpu {
namespace {

/// The step's tokens, sequence by sequence.
class TokensOfSequences {
 public:
  explicit TokensOfSequences(const Step& step) : step_(step), tokens_(step.tokens.size()) {
    std::iota(tokens_.begin(), tokens_.end(), 0);
    std::stable_sort(tokens_.begin(), tokens_.end(), [&step](std::int32_t a, std::int32_t b) {
      return step.sequences[a] < step.sequences[b];
    });
  }

  /// body(tokens) for each sequence that has some.
  template <class Body>
  void for_each(const Body& body) const {
    for (auto begin = tokens_.begin(); begin != tokens_.end();) {
      const auto end = std::find_if(begin, tokens_.end(), [&](std::int32_t token) {
        return step_.sequences[token] != step_.sequences[*begin];
      });
      body(std::span<const std::int32_t>(begin, end));
      begin = end;
    }
  }

 private:
  const Step& step_;
  std::vector<std::int32_t> tokens_;
};

/// Some tokens of a step, as a step of their own.
struct PartOfStep {
  PartOfStep(const Step& step, std::span<const std::int32_t> chosen) {
    for (const std::int32_t token : chosen) {
      tokens.push_back(step.tokens[token]);
      positions.push_back(step.positions[token]);
      sequences.push_back(step.sequences[token]);
    }
    part = {tokens, positions, sequences, {}, step.page_tables, {}, step.slots, step.expanded, {}, {}};
  }
  PartOfStep(const PartOfStep&) = delete;
  PartOfStep& operator=(const PartOfStep&) = delete;

  std::vector<std::int32_t> tokens, positions, sequences;
  Step part;
};

std::int32_t expanded_of(const Step& step, std::int32_t sequence) {
  return step.expanded.empty() ? 0 : step.expanded[sequence];
}

/// Keys' matrices are applied to queries, and values' to what attention gives: q·(K·c) = (Kᵀ·q)·c, and
/// Σ w·(V·c) = V·(Σ w·c).
void attend_absorbed(const Step& step, const LatentHeads& latents, const PagedKv& cache, const Tools& tools,
                     const float* q, float* out) {
  const ArenaScope scope(tools.scratch);
  const std::int64_t tokens = std::ssize(step.tokens), heads = latents.n_heads();
  float* const queries = tools.scratch.floats(tokens * heads * latents.kept.k_dim).data();
  float* const attended = tools.scratch.floats(tokens * heads * latents.rank()).data();
  multiply_heads(latents.k_b, {q, tokens, heads * latents.k_dim()}, queries, tools);
  const AttendSpec spec{.scale = latents.scale, .window = 0, .sinks = {}};
  attend(step, latents.kept, spec, nullptr, cache, tools, queries, attended);
  multiply_heads(latents.v_b, {attended, tokens, heads * latents.rank()}, out, tools);
}

/// The same of some of the step's tokens.
void attend_absorbed(const Step& step, std::span<const std::int32_t> tokens, const LatentHeads& latents,
                     const PagedKv& cache, const Tools& tools, const float* q, float* out) {
  const ArenaScope scope(tools.scratch);
  const std::int64_t q_width = latents.n_heads() * latents.k_dim();
  const std::int64_t out_width = latents.n_heads() * latents.v_dim();
  float* const queries = tools.scratch.floats(std::ssize(tokens) * q_width).data();
  float* const results = tools.scratch.floats(std::ssize(tokens) * out_width).data();
  for (std::size_t i = 0; i < tokens.size(); ++i)
    std::copy_n(q + tokens[i] * q_width, q_width, queries + static_cast<std::int64_t>(i) * q_width);
  attend_absorbed(PartOfStep(step, tokens).part, latents, cache, tools, queries, results);
  for (std::size_t i = 0; i < tokens.size(); ++i)
    std::copy_n(results + static_cast<std::int64_t>(i) * out_width, out_width, out + tokens[i] * out_width);
}

}  // namespace

void attend_latents(const Step& step, const LatentHeads& latents, const PagedKv& cache, const Tools& tools,
                    const float* q, float* out) {
  std::vector<std::int32_t> few;
  TokensOfSequences(step).for_each([&](std::span<const std::int32_t> tokens) {
    const auto absorbed = std::partition_point(tokens.begin(), tokens.end(), [&step](std::int32_t token) {
      return step.positions[token] < expanded_of(step, step.sequences[token]);
    });
    if (absorbed != tokens.begin())
      attend_expanded(step, {tokens.begin(), absorbed}, latents, cache, tools, q, out);
    few.insert(few.end(), absorbed, tokens.end());
  });
  if (few.size() == step.tokens.size()) {
    attend_absorbed(step, latents, cache, tools, q, out);
  } else if (!few.empty()) {
    attend_absorbed(step, few, latents, cache, tools, q, out);
  }
}

std::uint64_t latents_scratch_bytes(const Heads& kept, std::int64_t k_dim, std::int64_t v_dim,
                                    const CacheSize& size, bool expands) {
  const std::int64_t tokens = size.step_tokens;
  constexpr std::int64_t padding = 64;  // where bytes of a row end in zeros
  // What a head of a token makes: queries and what is attended, both of latents, and a copy of the operands;
  // what is multiplied is there as bytes, too, with their scales, which take half as much.
  const std::int64_t values = kept.k_dim + kept.v_dim + k_dim + v_dim;
  const std::uint64_t absorbed =
      saturating_product(tokens, kept.n_heads, values + values / 2 + padding, sizeof(float));
  return saturating_sum(absorbed, attend_scratch_bytes(kept, PageMap::of(size, 0), tokens),
                        expands ? expanded_scratch_bytes(kept, k_dim, v_dim, tokens) : 0);
}

}  // namespace yoke::ops::cpu
