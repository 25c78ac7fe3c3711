#include "model/families/llama.h"

#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
#include "model/layers/output_head.h"

namespace yoke::model {
namespace {

using ops::Activations;
using ops::Ops;

struct Layer {
  ops::Vector attn_norm;  // (dim)
  QkvProjection qkv;
  Attention attention;
  ops::Vector ffn_norm;  // (dim)
  SwiGlu feed_forward;
};

class Llama final : public Family {
 public:
  explicit Llama(const Config& config) : Family(config), layers_(config.layers.size()) {}

  std::vector<TensorEntry> tensors() override {
    const Config& c = config_;
    TableBuilder table;
    table.embedding(embedding_, "token_embd.weight", {c.vocabulary, c.dim});
    table.values(rope_factors_, "rope_freqs.weight", c.rope.dims / 2);
    for (int i = 0; i < static_cast<int>(layers_.size()); ++i) {
      Layer& l = layers_[i];
      table.layer(i);
      table.whole(l.attn_norm, "attn_norm.weight", c.dim);
      l.qkv.add_tensors(table, c, i);
      l.attention.add_tensors(table, c, i);
      table.whole(l.ffn_norm, "ffn_norm.weight", c.dim);
      l.feed_forward.add_tensors(table, c, i);
    }
    table.outside_layers();
    head_.add_tensors(table, c);
    return table.take();
  }

  void prepare(Ops& ops, const Partition& partition, int rank, std::int64_t pages) override {
    rope_ = ops.make_rope(rope_spec(config_.rope, ops::RopeStyle::interleaved, rope_factors_));
    for (int i = 0; i < static_cast<int>(layers_.size()); ++i) {
      layers_[i].attention.prepare(ops, config_, partition, i, rank, pages);
    }
  }

  Activations embed(Ops& ops) override { return ops.embed(embedding_); }

  Activations layer(Ops& ops, int index, Activations x) override {
    Layer& l = layers_[index];
    const Qkv qkv = l.qkv(ops, ops.rms_norm(x, l.attn_norm, config_.rms_epsilon));
    x = ops.add(x, l.attention(ops, rotated(ops, rope_, qkv, config_.k_dim)));
    return ops.add(x, l.feed_forward(ops, ops.rms_norm(x, l.ffn_norm, config_.rms_epsilon)));
  }

  Activations head(Ops& ops, Activations x) override { return head_(ops, x, config_.rms_epsilon); }

 private:
  ops::Embedding embedding_;         // (vocabulary, dim)
  std::vector<float> rope_factors_;  // (rope.dims / 2), or empty
  ops::Rope rope_;
  std::vector<Layer> layers_;
  OutputHead head_;
};

}  // namespace

std::unique_ptr<Family> make_llama(const Config& config) { return std::make_unique<Llama>(config); }

}  // namespace yoke::model
