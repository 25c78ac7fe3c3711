// The unit of what an engine does: tokens, of which the first were given and the rest are generated.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/batch.h"
#include "runtime/engine.h"
#include "runtime/page_pool.h"
#include "runtime/prefix_index.h"
#include "runtime/recent_tokens.h"

namespace yoke::runtime {

struct Sequence {
  Request request;
  std::uint64_t arrival = 0;             // counts the requests before it
  std::vector<Token> tokens;             // prompt, then what was generated
  std::int32_t computed = 0;             // tokens that are in the KV cache, or will be after the planned step
  std::int32_t reused = 0;               // of them, those that were found there when it was admitted
  std::int32_t published = 0;            // pages that are known as a prefix
  PrefixPages pages;                     // those it holds, by position / page_positions
  std::vector<KeptState> resumed;        // what recurrent layers go on from in its first step, if anything
  std::optional<KeptState> latest;       // what they knew after the last full page that it has generated
  std::vector<std::int32_t> kept_after;  // so many pages of what it was admitted with, a checkpoint is due
  std::int32_t slot = 0;
  PrefixKind kind;            // which prefixes are its own, and in which form it is computed
  std::int32_t reported = 0;  // positions before this one have been reported on
  RecentTokens recent;        // of `tokens`; empty where nothing is penalised

  /// `expanded_cell` as model::Config has it.
  Sequence(Request request_, std::uint64_t arrival_, std::int32_t expanded_cell);

  std::int32_t size() const { return static_cast<std::int32_t>(tokens.size()); }
  std::int32_t generated() const { return size() - static_cast<std::int32_t>(request.prompt.size()); }
  std::int32_t left() const { return size() - computed; }
  /// Of what is left, as much as one step can compute: none in the expanded form behind others.
  std::int32_t left_for_step() const { return std::min(left(), kind.forms.next_change(computed) - computed); }
  /// Whether it goes on from a token that was drawn, and nothing before it is to be computed again.
  bool decodes() const { return generated() > 0 && left() == 1; }
  void append(Token token);

  /// The row of logits that is wanted after `position`, if one is.
  std::optional<model::WantedRow> row_after(std::int32_t position, std::int32_t vocabulary) const;
  /// The most tokens of its beginning that need not be computed: the last must be, and those that are to be
  /// reported on.
  std::size_t most_reused() const;

  /// Where checkpoints are to be taken of the tokens that it has and that are not known.
  void plan_checkpoints();
  bool checkpoint_is_due(std::int32_t pages_computed) const;
  /// Whether the last of so many pages holds tokens that it has got since it was admitted.
  bool generates_page(std::int32_t pages_computed) const { return pages_computed > admitted_pages_; }

 private:
  std::int32_t admitted_pages_ = 0;  // that can be gone on from, of the tokens it was admitted with

  /// What every rank must know of the row that the next token is drawn from.
  model::WantedRow drawn_row(std::int32_t vocabulary) const;
};

/// The pages that so many positions take.
std::int32_t pages_of(std::int32_t positions);

}  // namespace yoke::runtime
