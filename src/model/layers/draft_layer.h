// What stands around a layer that foretells the token after the next (multi-token prediction). DeepSeek-AI,
// https://arxiv.org/abs/2412.19437, section 2.2.
#pragma once

#include "model/config.h"
#include "model/layers/norm.h"
#include "model/layers/output_head.h"
#include "model/tensors.h"
#include "ops/ops.h"

namespace yoke::model {

/// The layer goes on from a token's embedding and from the hidden state of the token before it, which a
/// matrix joins. What of the embedding and of the way to logits a file does not have is the model's.
template <class Norm>
struct DraftLayer {
  ops::Embedding tokens;  // (vocabulary, dim)
  RmsNorm token_norm;
  RmsNorm hidden_norm;
  ops::RowMatrix join;  // (dim, 2 * dim): what it multiplies is the token, then the hidden state
  Norm output_norm;
  OutputMatrix output;

  /// Adds the tensors of the layer to which the table has been set, but for those of the layer itself.
  void add_tensors(TableBuilder& table, const Config& config) {
    table.embedding(tokens, "nextn.embed_tokens.weight", {config.vocabulary, config.dim});
    table.may_lack();
    token_norm.add_tensors(table, config, "nextn.enorm");
    hidden_norm.add_tensors(table, config, "nextn.hnorm");
    table.matrix(join, "nextn.eh_proj.weight", {config.dim, 2 * config.dim});
    output_norm.add_tensors(table, config, "nextn.shared_head_norm");
    table.may_lack("nextn.shared_head_norm.weight");
    table.rows(output.matrix, "nextn.shared_head_head.weight", {config.vocabulary, config.dim},
               {{Space::vocabulary, 1}});
    table.may_lack();
  }

  /// The residual before the layer, (tokens, dim); consumes `embedded` and `hidden`.
  ops::Activations joined(ops::Ops& ops, const Config& config, ops::Activations embedded,
                          ops::Activations hidden) const {
    const ops::Activations both =
        ops.concat(token_norm.values(ops, config, embedded), hidden_norm.values(ops, config, hidden));
    return ops.matmul(join, ops.unnormed(both), {});
  }
};

}  // namespace yoke::model
