// Ranks remember of each slot what a step has said of it, so that a step's message tells only what has
// changed: it does not grow with the context. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "model/batch.h"

namespace yoke::runtime {

/// A list that has some elements of the one before it, consecutive ones from `dropped` on, and then others.
struct ListChange {
  std::int32_t dropped = 0;
  std::int32_t kept = 0;
  std::vector<std::int32_t> added;
};

/// One sequence of a step, whose tokens are at consecutive positions and follow one another in the batch.
struct SequenceChange {
  std::int32_t slot = 0;
  std::int32_t first_position = 0;
  std::int32_t tokens = 0;
  std::int32_t expanded = 0;
  std::int32_t resumed = 0;
  std::int32_t window_first = 0;
  ListChange pages;
  ListChange window;
};

/// A row that is wanted. Where it is as the last of its slot but for the counts of tokens, these are told.
struct RowChange {
  std::int32_t at = 0;  // token of the batch
  bool as_before = false;
  model::WantedRow row;                   // where it is not
  std::vector<model::TokenCount> counts;  // where it is: those that are others than before; 0: none any more
};

struct StepChange {
  std::vector<std::int32_t> tokens;
  std::vector<SequenceChange> sequences;
  std::vector<RowChange> rows;
  std::vector<ops::Checkpoint> checkpoints;
};

class StepMemory {
 public:
  /// `slots`: the most that a batch may speak of.
  explicit StepMemory(std::int64_t slots) : slots_(static_cast<std::size_t>(slots)) {}

  /// What has to be told of a batch to whoever was told of all before it.
  StepChange tell(const model::Batch& batch);
  /// The batch that tell() was given by a rank that remembers the same. Throws Error where a change cannot be
  /// one of what is remembered; the batch may still be none of this model's.
  model::Batch hear(const StepChange& change);

 private:
  struct Slot {
    std::vector<std::int32_t> pages;
    model::WindowPages window;
    model::WantedRow row;  // the last from which a token was drawn
  };
  Slot& at(std::int32_t slot);
  SequenceChange tell_sequence(const model::Batch& batch, std::size_t i);
  RowChange tell_row(const model::WantedRow& row, std::int32_t token, std::int32_t slot);
  void hear_sequence(const SequenceChange& told, std::span<const std::int32_t> tokens, model::Batch& batch);
  model::WantedRow hear_row(const RowChange& told, std::int32_t slot);

  std::vector<Slot> slots_;
};

void fields(auto& archive, Is<ListChange> auto& m) { archive(m.dropped, m.kept, m.added); }
void fields(auto& archive, Is<SequenceChange> auto& m) {
  archive(m.slot, m.first_position, m.tokens, m.expanded, m.resumed, m.window_first, m.pages, m.window);
}
void fields(auto& archive, Is<RowChange> auto& m) {
  archive(m.at, m.as_before);
  if (m.as_before) {
    archive(m.counts);
  } else {
    archive(m.row);
  }
}
void fields(auto& archive, Is<StepChange> auto& m) { archive(m.tokens, m.sequences, m.rows, m.checkpoints); }

}  // namespace yoke::runtime
