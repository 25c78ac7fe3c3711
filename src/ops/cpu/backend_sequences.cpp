// Sequences: what depends on a token's position and on those before it. Rotation, attention, recurrent
// layers.
#include <cassert>

#include "ops/cpu/backend.h"
#include "ops/cpu/cpu_attention.h"
#include "ops/cpu/cpu_experts.h"
#include "ops/cpu/cpu_latents.h"
#include "ops/cpu/cpu_recurrent.h"
#include "ops/cpu/cpu_rope.h"
#include "ops/cpu/handles.h"

namespace yoke::ops::cpu {

Activations Backend::rope(const Rope& rope, Activations x, std::int64_t head_dim) {
  auto& table = static_cast<RopeTable&>(*rope.storage);
  const RopeTable::Angles& angles = table.angles_of(step_number_, step_.positions);
  split_tokens(x, [&](std::int64_t begin, std::int64_t end) {
    table.rotate({data(x), x.tokens, x.width}, begin, end, head_dim, angles, kernels_);
  });
  return x;
}

Activations Backend::attend(const Heads& heads, KvCache& cache, Activations q, Activations k, Activations v,
                            const AttendSpec& spec) {
  const ActivityScope spent = spend_on(Activity::attention);
  assert(q.width == heads.n_heads * heads.k_dim);
  assert(k.width == (heads.keys_hold_values ? 1 : heads.n_kv_heads) * heads.k_dim);
  assert(heads.keys_hold_values || v.width == heads.n_kv_heads * heads.v_dim);
  assert(!spec.sinks || spec.sinks.size == heads.n_heads);
  const auto& pages = static_cast<const PagedKv&>(*cache.storage);
  store(step_, heads, pages, pool_, data(k), data(v));
  const Activations out = make(tokens(), heads.n_heads * heads.v_dim);
  const ArenaScope scope(scratch_);
  cpu::attend(step_, heads, spec, values_or_none(spec.sinks), pages, tools(), data(q), data(out));
  return out;
}

Activations Backend::attend_latents(const Heads& heads, KvCache& cache, Activations q, Activations latents,
                                    const LatentSpec& spec) {
  const ActivityScope spent = spend_on(Activity::attention);
  const auto& pages = static_cast<const PagedKv&>(*cache.storage);
  assert(heads.keys_hold_values && latents.width == heads.k_dim);
  assert(q.width == heads.n_heads * (spec.k_b.cols + heads.k_dim - heads.v_dim));
  store(step_, heads, pages, pool_, data(latents), nullptr);
  const Activations out = make(tokens(), heads.n_heads * spec.v_b.rows);
  if (heads.n_heads == 0) return out;
  const LatentHeads of_rank{.kept = heads,
                            .k_b = expert_matrices(spec.k_b.storage).of,
                            .v_b = expert_matrices(spec.v_b.storage).of,
                            .scale = spec.scale};
  cpu::attend_latents(step_, of_rank, pages, tools(), data(q), data(out));
  return out;
}

Activations Backend::convolve(Convolution& convolution, Activations x) {
  const ActivityScope spent = spend_on(Activity::attention);
  auto& storage = static_cast<ShortConvolution&>(*convolution.storage);
  assert(x.width == storage.channels);
  const Activations out = make(x.tokens, x.width);
  cpu::convolve(step_, storage, tools(), data(x), data(out));
  return out;
}

Activations Backend::delta_rule(const DeltaHeads& heads, DeltaState& state, const DeltaInputs& x) {
  const ActivityScope spent = spend_on(Activity::attention);
  assert(x.qkv.width == heads.channels() && x.scores.width == 2 * heads.n_v_heads());
  assert(x.score_bias.size == heads.n_v_heads() && x.rate.size == heads.n_v_heads());
  const Activations out = make(tokens(), heads.n_v_heads() * heads.v_dim);
  const ArenaScope scope(scratch_);
  cpu::delta_rule(step_, heads, static_cast<DeltaStates&>(*state.storage),
                  {.qkv = data(x.qkv),
                   .scores = data(x.scores),
                   .score_bias = values(x.score_bias).data(),
                   .rate = values(x.rate).data(),
                   .epsilon = x.epsilon},
                  tools(), data(out));
  return out;
}

}  // namespace yoke::ops::cpu
