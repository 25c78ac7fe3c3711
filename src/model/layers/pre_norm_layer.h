// The layer of Llama and of many that came after it.
#pragma once

#include <cstdint>

#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {

/// x + attention(norm(x)), then x + feed_forward(norm(x)). What its functions mean is told in
/// model/decoder.h. Touvron et al., https://arxiv.org/abs/2302.13971.
struct PreNormLayer {
  RmsNorm attn_norm;
  QkvProjection qkv;
  Attention attention;
  RmsNorm ffn_norm;
  FeedForward feed_forward;
  RouteDefaults routing;  // of layers with experts

  void add_tensors(TableBuilder& table, const Config& config, int index);
  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches);
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope, ops::Activations x);
};

}  // namespace yoke::model
