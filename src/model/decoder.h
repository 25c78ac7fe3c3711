// What most families are: an embedding, layers of one kind that share one rotation, and an output head. Such
// a family states its kind of layer and its rotation; others write out class Family.
#pragma once

#include <utility>
#include <vector>

#include "model/family.h"
#include "model/layers/draft_layer.h"
#include "model/layers/output_head.h"
#include "model/layers/rotation.h"

namespace yoke::model {

/// Rows of a table, scaled as the family does.
struct TokenEmbedding {
  ops::Embedding tokens;  // (vocabulary, dim)

  void add_tensors(TableBuilder& table, const Config& config) {
    table.embedding(tokens, "token_embd.weight", {config.vocabulary, config.dim});
  }
  ops::Activations operator()(ops::Ops& ops, const Config& config) const {
    const ops::Activations x = ops.embed(tokens);
    return config.embedding_scale == 1 ? x : ops.scale(x, config.embedding_scale);
  }
};

/// `Layer` holds the tensors of one layer, and has
///   void add_tensors(TableBuilder& table, const Config& config, int index)
///   void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
///                const ops::CacheSize& caches)
///   ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope, ops::Activations
///   x)
/// The table is set to layer `index` when it gets the layer's tensors; the last takes and returns the
/// residual, (tokens, dim).
/// `Norm` is that before the output matrix, `Embedding` makes the first residual.
template <class Layer, class Norm = RmsNorm, class Embedding = TokenEmbedding>
class Decoder final : public Family {
 public:
  Decoder(Config config, Rotation rotation)
      : Family(std::move(config)),
        rotation_(std::move(rotation)),
        layers_(config_.layers.size()),
        drafts_(static_cast<std::size_t>(config_.n_drafting)) {}

  std::vector<TensorEntry> tensors() override {
    TableBuilder table;
    embedding_.add_tensors(table, config_);
    rotation_.add_tensors(table, config_);
    for (int i = 0; i < n_layers(); ++i) {
      table.layer(i);
      layers_[i].add_tensors(table, config_, i);
      if (i >= config_.n_layers()) drafts_[i - config_.n_layers()].add_tensors(table, config_);
    }
    table.outside_layers();
    head_.add_tensors(table, config_);
    return table.take();
  }

  void prepare(ops::Ops& ops, const Partition& partition, int rank, const ops::CacheSize& caches) override {
    rotation_.prepare(ops, config_, caches.pages_of_sequence() * ops::page_positions);
    for (int i = 0; i < n_layers(); ++i) layers_[i].prepare(ops, config_, partition, i, rank, caches);
  }

  ops::Activations embed(ops::Ops& ops) override { return embedding_(ops, config_); }

  ops::Activations layer(ops::Ops& ops, int index, ops::Activations x) override {
    return layers_[index](ops, config_, rotation_.of(config_.layers[index]), x);
  }

  ops::Activations head(ops::Ops& ops, ops::Activations x) override { return head_(ops, config_, x); }

  ops::Activations hidden_states(ops::Ops& ops, ops::Activations x) override {
    return head_.norm.values(ops, config_, x);
  }

  ops::Activations draft(ops::Ops& ops, int index, ops::Activations hidden) override {
    const DraftLayer<Norm>& draft = drafts_[index];
    const ops::Activations embedded = draft.tokens.storage ? ops.embed(draft.tokens) : embed(ops);
    const int at = static_cast<int>(config_.n_layers()) + index;
    const ops::Activations x = layer(ops, at, draft.joined(ops, config_, embedded, hidden));
    return (draft.output_norm.weight ? draft.output_norm : head_.norm).values(ops, config_, x);
  }

  ops::Activations draft_head(ops::Ops& ops, int index, ops::Activations hidden) override {
    const OutputMatrix& own = drafts_[index].output;
    return (own.matrix.storage ? own : head_.output)(ops, config_, ops.unnormed(hidden));
  }

 private:
  int n_layers() const { return static_cast<int>(layers_.size()); }  // those that foretell included

  Embedding embedding_;
  Rotation rotation_;
  std::vector<Layer> layers_;
  std::vector<DraftLayer<Norm>> drafts_;  // around the last of the layers
  OutputHead<Norm> head_;
};

}  // namespace yoke::model
