// A family of models: how its tensors are called, and its forward pass. One file per family in families/.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/family_traits.h"
#include "model/partition.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// The forward is written once, for any number of ranks: what a rank holds of each tensor was decided when it
/// was loaded, and only all_reduce looks at others.
class Family {
 public:
  explicit Family(Config config) : config_(std::move(config)) {}
  virtual ~Family() = default;
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  const Config& config() const { return config_; }

  /// The table; its destinations point into this object.
  virtual std::vector<TensorEntry> tensors() = 0;
  /// Called once the tensors are loaded: makes what else the forward needs (rotary tables, caches).
  virtual void prepare(ops::Ops& ops, const Partition& partition, int rank, const ops::CacheSize& caches) = 0;

  virtual ops::Activations embed(ops::Ops& ops) = 0;
  virtual ops::Activations layer(ops::Ops& ops, int index, ops::Activations x) = 0;
  /// Final norm and this rank's rows of the output matrix.
  virtual ops::Activations head(ops::Ops& ops, ops::Activations x) = 0;

  // Draft layers, where config() has been asked for them.
  /// What they go on from: x after the final norm, (tokens, dim); consumes x.
  virtual ops::Activations hidden_states(ops::Ops& ops, ops::Activations x) = 0;
  /// Draft layer `index`, from 0. The step's tokens are those that follow the tokens of the hidden states,
  /// whose positions they have in it. Returns what the next draft goes on from, (tokens, dim); consumes
  /// `hidden`.
  virtual ops::Activations draft(ops::Ops& ops, int index, ops::Activations hidden) = 0;
  /// This rank's rows of the draft layer's output matrix: logits of the tokens after those of the step.
  virtual ops::Activations draft_head(ops::Ops& ops, int index, ops::Activations hidden) = 0;

 protected:
  Config config_;
};

/// The heads of a layer that `rank` computes, as attention sees them: latents are one KV head that all query
/// heads read; a recurrent layer has none.
ops::Heads local_heads(const Config& config, const Partition& partition, int layer, int rank);

/// The heads of the gated delta rule that `rank` computes; none in a layer that attends.
ops::DeltaHeads local_delta_heads(const Config& config, const Partition& partition, int layer, int rank);

/// Throws Error that begins with `where` unless there is a family for this architecture; the sentence lists
/// those that there are, the one with the most similar name first.
void check_architecture(std::string_view architecture, std::string_view where);

/// What the models of a family have that not all have. There is a family for this architecture.
const FamilyTraits& traits_of(std::string_view architecture);

/// The family that config.architecture names. Throws Error for one that is not supported, whose sentence
/// lists those that are, and for layers that models of the family do not have.
std::unique_ptr<Family> make_family(const Config& config);

}  // namespace yoke::model
