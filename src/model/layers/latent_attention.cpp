#include "model/layers/latent_attention.h"

#include <cmath>

#include "model/family.h"

namespace yoke::model {

void LatentAttention::add_tensors(TableBuilder& table, const Config& config, int index) {
  const LatentConfig& latent = config.latent;
  const std::int64_t n_heads = config.layers[index].n_heads;
  const std::int64_t k_rows = config.k_dim - config.rope.dims;  // of a head's key, those made of the latent
  const std::vector<Segment> queries = {{Space::heads, config.k_dim}};
  if (latent.q_rank > 0) {
    table.matrix(q_a, "attn_q_a.weight", {latent.q_rank, config.dim});
    table.whole(q_a_norm, "attn_q_a_norm.weight", latent.q_rank);
    table.rows(q, "attn_q_b.weight", {n_heads * config.k_dim, latent.q_rank}, queries);
  } else {
    table.rows(q, "attn_q.weight", {n_heads * config.k_dim, config.dim}, queries);
  }
  table.matrix(kv_a, "attn_kv_a_mqa.weight", {latent.kv_rank + config.rope.dims, config.dim});
  table.whole(kv_a_norm, "attn_kv_a_norm.weight", latent.kv_rank);
  if (latent.joined) {
    const std::int64_t rows = k_rows + config.v_dim;
    const std::vector<std::int64_t> shape = {n_heads * rows, latent.kv_rank};
    table.heads(k_b, "attn_kv_b.weight", shape,
                {.of_head = rows, .first = 0, .n = k_rows, .transposed = true});
    table.heads(v_b, "attn_kv_b.weight", shape, {.of_head = rows, .first = k_rows, .n = config.v_dim});
  } else {
    table.heads(k_b, "attn_k_b.weight", {n_heads, latent.kv_rank, k_rows},
                {.of_head = latent.kv_rank, .first = 0, .n = latent.kv_rank});
    table.heads(v_b, "attn_v_b.weight", {n_heads, config.v_dim, latent.kv_rank},
                {.of_head = config.v_dim, .first = 0, .n = config.v_dim});
  }
  table.cols(output, "attn_output.weight", {config.dim, n_heads * config.v_dim},
             {{Space::heads, config.v_dim}});
}

void LatentAttention::prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index,
                              int rank, const ops::CacheSize& caches) {
  heads = local_heads(config, partition, index, rank);
  kv = ops.make_kv_cache(heads, caches, 0);
}

LatentAttention::Projected LatentAttention::project(ops::Ops& ops, const Config& config,
                                                    const ops::Normed& x) const {
  Projected out;
  ops::Activations first;
  const bool direct = config.latent.q_rank == 0;
  const ops::Linear products[] = {{direct ? q : q_a, {}, &first}, {kv_a, {}, &out.kv}};
  ops.matmul(products, x);
  out.q = direct ? first : ops.matmul(q, ops.rms_norm(first, q_a_norm, config.norm_epsilon), {});
  return out;
}

ops::Activations LatentAttention::operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                                             const ops::Normed& x) {
  const Projected projected = project(ops, config, x);
  const ops::Activations latents = ops.rms_norm_first(projected.kv, kv_a_norm, config.norm_epsilon);
  const ops::Activations keys = ops.rope(rope, latents, heads.k_dim);
  const ops::Activations turned = ops.rope(rope, projected.q, config.k_dim);
  const ops::Activations queries = ops.scale_by_position(turned, config.query_scale);
  const double magnitude = config.rope.score_magnitude();
  const double scale = magnitude * magnitude / std::sqrt(static_cast<double>(config.k_dim));
  const ops::LatentSpec spec{.k_b = k_b, .v_b = v_b, .scale = static_cast<float>(scale)};
  return ops.all_reduce(output, ops.attend_latents(heads, kv, queries, keys, spec));
}

}  // namespace yoke::model
