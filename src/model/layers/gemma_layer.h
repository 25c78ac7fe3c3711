// The layer of Gemma 2 and 3.
#pragma once

#include <cstdint>

#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {

/// A norm on either side of each block, GELU gates, and a norm of every head where a family adds its tensors.
/// What its functions mean is told in model/decoder.h. Gemma Team, https://arxiv.org/abs/2408.00118.
struct GemmaLayer {
  RmsNorm attn_norm;
  QkvProjection qkv;
  HeadNorms head_norms;
  Attention attention;
  ops::Vector post_attention_norm;  // (dim)
  RmsNorm ffn_norm;
  GatedFeedForward feed_forward;
  ops::Vector post_ffn_norm;  // (dim)

  void add_tensors(TableBuilder& table, const Config& config, int index);
  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches);
  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope, ops::Activations x);
};

/// Scales embeddings by the root of their width and, in the model of `layers_of_27b` layers, scores by the
/// width of a head that it does not have.
void set_gemma_scales(Config& config, std::int64_t layers_of_27b);

}  // namespace yoke::model
