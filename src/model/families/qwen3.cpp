#include "model/families/qwen3.h"

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"

namespace yoke::model {
namespace {

/// Llama's, with a norm of every head of queries and keys. In qwen3moe feed-forward blocks are of experts.
struct Layer {
  ops::Vector attn_norm;  // (dim)
  QkvProjection qkv;
  HeadNorms head_norms;
  Attention attention;
  ops::Vector ffn_norm;  // (dim)
  FeedForward feed_forward;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    table.whole(attn_norm, "attn_norm.weight", config.dim);
    qkv.add_tensors(table, config, index);
    head_norms.add_tensors(table, config);
    attention.add_tensors(table, config, index);
    table.whole(ffn_norm, "ffn_norm.weight", config.dim);
    feed_forward.add_tensors(table, config, index);
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               std::int64_t pages) {
    attention.prepare(ops, config, partition, index, rank, pages);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, ops.rms_norm(x, attn_norm, config.rms_epsilon));
    const Qkv normed = head_norms(ops, projected, config.rms_epsilon);
    x = ops.add(x, attention(ops, rotated(ops, rope, normed, config.k_dim)));
    return ops.add(x, feed_forward(ops, config, ops.rms_norm(x, ffn_norm, config.rms_epsilon)));
  }
};

}  // namespace

std::unique_ptr<Family> make_qwen3(const Config& config) {
  return std::make_unique<Decoder<Layer>>(config, Rotation{ops::RopeStyle::neox, false, {}, {}});
}

}  // namespace yoke::model
