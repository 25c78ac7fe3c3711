#include "model/families/gpt2.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// Positions are learned: each has a vector that is added to those of the tokens.
struct Embedding {
  TokenEmbedding tokens;
  ops::Embedding positions;  // (context, dim)

  void add_tensors(TableBuilder& table, const Config& config) {
    tokens.add_tensors(table, config);
    table.embedding(positions, "position_embd.weight", {config.context, config.dim});
  }
  ops::Activations operator()(ops::Ops& ops, const Config& config) const {
    return ops.add(tokens(ops, config), ops.embed_positions(positions));
  }
};

/// Layer norms, biases everywhere and feed-forward blocks without gates.
struct Layer {
  LayerNorm attn_norm;
  FusedQkvProjection qkv;
  Attention attention;
  LayerNorm ffn_norm;
  PlainFeedForward feed_forward;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
    attention.add_tensors(table, config, index);
    ffn_norm.add_tensors(table, config, "ffn_norm");
    feed_forward.add_tensors(table, config, index);
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    attention.prepare(ops, config, partition, index, rank, caches);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& /*rope*/,
                              ops::Activations x) {
    x = ops.add(x, attention(ops, qkv(ops, attn_norm(ops, config, x), attention.heads)));
    return ops.add(x, feed_forward(ops, ffn_norm(ops, config, x)));
  }
};

}  // namespace

std::unique_ptr<Family> make_gpt2(Config config) {
  return std::make_unique<Decoder<Layer, LayerNorm, Embedding>>(std::move(config),
                                                                Rotation(ops::RopeStyle::neox));
}

}  // namespace yoke::model
