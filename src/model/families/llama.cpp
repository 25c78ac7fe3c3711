#include "model/families/llama.h"

#include <cmath>

namespace yoke::model {
namespace {

using ops::Activations;
using ops::Normed;
using ops::Ops;

struct Layer {
  ops::Vector attn_norm;       // (dim)
  ops::RowMatrix q;            // (n_heads * k_dim, dim)
  ops::RowMatrix k;            // (n_kv_heads * k_dim, dim)
  ops::RowMatrix v;            // (n_kv_heads * v_dim, dim)
  ops::ColMatrix attn_output;  // (dim, n_heads * v_dim)
  ops::Vector q_bias, k_bias, v_bias,
      attn_output_bias;                           // as the rows they are added to; absent in most models
  ops::Vector ffn_norm;                           // (dim)
  ops::RowMatrix gate;                            // (ffn_dim, dim)
  ops::RowMatrix up;                              // (ffn_dim, dim)
  ops::ColMatrix ffn_down;                        // (dim, ffn_dim)
  ops::Vector gate_bias, up_bias, ffn_down_bias;  // absent in most models
  ops::Heads heads;
  ops::KvCache kv;
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
      const auto [n_heads, n_kv_heads, ffn] = c.layers[i];
      table.layer(i);
      table.whole(l.attn_norm, "attn_norm.weight", c.dim);
      table.rows(l.q, "attn_q.weight", {n_heads * c.k_dim, c.dim}, {{Space::heads, c.k_dim}});
      table.rows(l.k, "attn_k.weight", {n_kv_heads * c.k_dim, c.dim}, {{Space::kv_heads, c.k_dim}});
      table.rows(l.v, "attn_v.weight", {n_kv_heads * c.v_dim, c.dim}, {{Space::kv_heads, c.v_dim}});
      table.cols(l.attn_output, "attn_output.weight", {c.dim, n_heads * c.v_dim}, {{Space::heads, c.v_dim}});
      table.bias(l.q_bias, "attn_q.bias", n_heads * c.k_dim, {{Space::heads, c.k_dim}});
      table.bias(l.k_bias, "attn_k.bias", n_kv_heads * c.k_dim, {{Space::kv_heads, c.k_dim}});
      table.bias(l.v_bias, "attn_v.bias", n_kv_heads * c.v_dim, {{Space::kv_heads, c.v_dim}});
      table.bias(l.attn_output_bias, "attn_output.bias", c.dim);
      table.whole(l.ffn_norm, "ffn_norm.weight", c.dim);
      table.rows(l.gate, "ffn_gate.weight", {ffn, c.dim}, {{Space::ffn, 1}});
      table.rows(l.up, "ffn_up.weight", {ffn, c.dim}, {{Space::ffn, 1}});
      table.cols(l.ffn_down, "ffn_down.weight", {c.dim, ffn}, {{Space::ffn, 1}});
      table.bias(l.gate_bias, "ffn_gate.bias", ffn, {{Space::ffn, 1}});
      table.bias(l.up_bias, "ffn_up.bias", ffn, {{Space::ffn, 1}});
      table.bias(l.ffn_down_bias, "ffn_down.bias", c.dim);
    }
    table.outside_layers();
    table.whole(output_norm_, "output_norm.weight", c.dim);
    table.rows(output_, "output.weight", {c.vocabulary, c.dim}, {{Space::vocabulary, 1}});
    table.or_else("token_embd.weight");
    return table.take();
  }

  void prepare(Ops& ops, const Partition& partition, int rank, std::int64_t pages) override {
    rope_ = ops.make_rope(rope_spec(config_.rope, ops::RopeStyle::interleaved, rope_factors_));
    for (int i = 0; i < static_cast<int>(layers_.size()); ++i) {
      layers_[i].heads = local_heads(config_, partition, i, rank);
      layers_[i].kv = ops.make_kv_cache(layers_[i].heads, pages);
    }
  }

  Activations embed(Ops& ops) override { return ops.embed(embedding_); }

  Activations layer(Ops& ops, int index, Activations x) override {
    Layer& l = layers_[index];
    const Activations attended = attention(ops, l, ops.rms_norm(x, l.attn_norm, config_.rms_epsilon));
    x = ops.add(x, ops.add_bias(ops.all_reduce(ops.matmul(l.attn_output, attended)), l.attn_output_bias));
    const Activations hidden = feed_forward(ops, l, ops.rms_norm(x, l.ffn_norm, config_.rms_epsilon));
    return ops.add(x, ops.add_bias(ops.all_reduce(ops.matmul(l.ffn_down, hidden)), l.ffn_down_bias));
  }

  Activations head(Ops& ops, Activations x) override {
    return ops.matmul(output_, ops.rms_norm(x, output_norm_, config_.rms_epsilon), {});
  }

 private:
  Activations attention(Ops& ops, Layer& l, const Normed& x) {
    const Activations q = ops.rope(rope_, ops.matmul(l.q, x, l.q_bias), config_.k_dim);
    const Activations k = ops.rope(rope_, ops.matmul(l.k, x, l.k_bias), config_.k_dim);
    const Activations v = ops.matmul(l.v, x, l.v_bias);
    const float scale = 1.0f / std::sqrt(static_cast<float>(config_.k_dim));
    return ops.attend(l.heads, l.kv, q, k, v, scale);
  }

  static Activations feed_forward(Ops& ops, const Layer& l, const Normed& x) {
    return ops.gated(l.gate, l.gate_bias, l.up, l.up_bias, x);
  }

  ops::Embedding embedding_;         // (vocabulary, dim)
  std::vector<float> rope_factors_;  // (rope.dims / 2), or empty
  ops::Rope rope_;
  std::vector<Layer> layers_;
  ops::Vector output_norm_;  // (dim)
  ops::RowMatrix output_;    // (vocabulary, dim); the embedding where tied
};

}  // namespace

std::unique_ptr<Family> make_llama(const Config& config) { return std::make_unique<Llama>(config); }

}  // namespace yoke::model
