// One step of a family on one rank: the loop over the layers is written here, once.
#pragma once

#include <cstdint>

#include "base/view.h"
#include "model/batch.h"
#include "model/family.h"

namespace yoke::model {

/// Computes the layers of a step, together with the other ranks. Returns the last layer's output of the
/// wanted tokens, (wanted, dim), which lives until the next step.
ops::Activations run_layers(Family& family, ops::Ops& ops, const ops::Step& step);

/// This rank's columns of the logits of rows [first, first + n) of what run_layers returned: (n, its
/// vocabulary rows), the caller's to change. They live until the next call; so however many rows a step
/// wants, no more memory is taken than for those asked for at once.
MatrixView<float> local_logits(Family& family, ops::Ops& ops, ops::Activations wanted, std::int64_t first,
                               std::int64_t n);

// Drafts: the token after the next is foretold from the next one and from the hidden state that it was drawn
// after. The family's config has been asked for draft layers.

/// The hidden states of the wanted tokens, of what run_layers returned: (wanted, dim), the same on every
/// rank, until anything else is computed.
MatrixView<float> hidden_states(Family& family, ops::Ops& ops, ops::Activations wanted);

/// What draft layer `index` makes of hidden states, (tokens, dim), and of the step: at the position of each
/// hidden state the token that follows it. A layer sees what it was given of a sequence before; its cache is
/// its own, on the sequence's pages. Returns the wanted hidden states for a further draft, (wanted, dim),
/// which live until the next step.
ops::Activations run_draft(Family& family, ops::Ops& ops, const ops::Step& step, int index,
                           MatrixView<const float> hidden);

/// As local_logits, of what run_draft returned: those of the tokens that follow the step's.
MatrixView<float> local_draft_logits(Family& family, ops::Ops& ops, int index, ops::Activations drafted,
                                     std::int64_t first, std::int64_t n);

}  // namespace yoke::model
