#include "runtime/step_memory.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "base/error.h"

namespace yoke::runtime {
namespace {

using List = std::vector<std::int32_t>;

/// `now` as a change of `before`, of which `dropped` elements at its beginning are not in it.
ListChange change_of(const List& before, const List& now, std::size_t dropped) {
  ListChange change;
  dropped = std::min(dropped, before.size());
  const auto from = before.begin() + static_cast<std::ptrdiff_t>(dropped);
  const auto differs = std::mismatch(from, before.end(), now.begin(), now.end());
  change.dropped = static_cast<std::int32_t>(dropped);
  change.kept = static_cast<std::int32_t>(differs.first - from);
  change.added.assign(differs.second, now.end());
  return change;
}

void apply(const ListChange& change, List& list) {
  require(change.dropped >= 0 && change.kept >= 0 &&
              std::int64_t{change.dropped} + change.kept <= std::ssize(list),
          "a peer keeps {} pages behind {} of {}", change.kept, change.dropped, list.size());
  list.resize(static_cast<std::size_t>(change.dropped + change.kept));
  list.erase(list.begin(), list.begin() + change.dropped);
  list.insert(list.end(), change.added.begin(), change.added.end());
}

/// In the order of tokens, as RecentTokens has them.
using Counts = std::vector<model::TokenCount>;

/// The counts that are others now, and those that are no more, as 0.
Counts changes_of(const Counts& before, const Counts& now) {
  Counts changed;
  auto old = before.begin();
  for (const model::TokenCount& each : now) {
    for (; old != before.end() && old->token < each.token; ++old) changed.push_back({old->token, 0});
    const bool known = old != before.end() && old->token == each.token;
    if (!known || old->count != each.count) changed.push_back(each);
    if (known) ++old;
  }
  for (; old != before.end(); ++old) changed.push_back({old->token, 0});
  return changed;
}

Counts changed_by(const Counts& changes, const Counts& before) {
  Counts now;
  const auto add = [&](const model::TokenCount& count) {
    if (count.count != 0) now.push_back(count);
  };
  auto change = changes.begin();
  for (const model::TokenCount& each : before) {
    for (; change != changes.end() && change->token < each.token; ++change) add(*change);
    add(change != changes.end() && change->token == each.token ? *change++ : each);
  }
  std::for_each(change, changes.end(), add);
  return now;
}

std::int32_t slot_of_token(const model::Batch& batch, std::int32_t token) {
  return batch.slots[static_cast<std::size_t>(batch.sequences[static_cast<std::size_t>(token)])];
}

bool same_but_for_counts(model::WantedRow a, model::WantedRow b) {
  a.recent.clear();
  b.recent.clear();
  return a == b;
}

}  // namespace

StepMemory::Slot& StepMemory::at(std::int32_t slot) {
  require(slot >= 0 && slot < std::ssize(slots_), "a peer speaks of slot {} of {}", slot, slots_.size());
  return slots_[static_cast<std::size_t>(slot)];
}

StepChange StepMemory::tell(const model::Batch& batch) {
  StepChange change;
  change.tokens = batch.tokens;
  change.checkpoints = batch.checkpoints;
  for (std::size_t i = 0; i < batch.slots.size(); ++i) change.sequences.push_back(tell_sequence(batch, i));
  for (std::size_t i = 0; i < batch.wanted.size(); ++i) {
    const std::int32_t at = batch.wanted_at[i];
    change.rows.push_back(tell_row(batch.wanted[i], at, slot_of_token(batch, at)));
  }
  return change;
}

SequenceChange StepMemory::tell_sequence(const model::Batch& batch, std::size_t i) {
  const auto is_of_it = [&](std::int32_t sequence) { return sequence == static_cast<std::int32_t>(i); };
  const auto first = std::find_if(batch.sequences.begin(), batch.sequences.end(), is_of_it);
  const auto end = std::find_if_not(first, batch.sequences.end(), is_of_it);
  assert(first != end && std::none_of(end, batch.sequences.end(), is_of_it));
  const model::WindowPages& window = batch.windows[i];
  Slot& known = at(batch.slots[i]);
  SequenceChange told;
  told.slot = batch.slots[i];
  told.first_position = batch.positions[static_cast<std::size_t>(first - batch.sequences.begin())];
  told.tokens = static_cast<std::int32_t>(end - first);
  told.expanded = batch.expanded[i];
  told.resumed = batch.resumed[i];
  told.window_first = window.first;
  told.pages = change_of(known.pages, batch.page_tables[i], 0);
  told.window = change_of(known.window.pages, window.pages,
                          static_cast<std::size_t>(std::max(window.first - known.window.first, 0)));
  known.pages = batch.page_tables[i];
  known.window = window;
  return told;
}

RowChange StepMemory::tell_row(const model::WantedRow& row, std::int32_t token, std::int32_t slot) {
  RowChange told{token, false, {}, {}};
  if (row.want != model::Want::candidates) {
    told.row = row;
    return told;
  }
  model::WantedRow& before = at(slot).row;
  told.as_before = same_but_for_counts(before, row);
  if (told.as_before) {
    told.counts = changes_of(before.recent, row.recent);
  } else {
    told.row = row;
  }
  before = row;
  return told;
}

model::Batch StepMemory::hear(const StepChange& change) {
  model::Batch batch;
  std::span<const std::int32_t> tokens = change.tokens;
  for (const SequenceChange& told : change.sequences) {
    require(told.tokens >= 0 && told.tokens <= std::ssize(tokens) && told.first_position >= 0 &&
                told.first_position <= std::numeric_limits<std::int32_t>::max() - told.tokens,
            "a peer sent {} tokens from position {} on where {} are left", told.tokens, told.first_position,
            tokens.size());
    hear_sequence(told, tokens.first(static_cast<std::size_t>(told.tokens)), batch);
    tokens = tokens.subspan(static_cast<std::size_t>(told.tokens));
  }
  require(tokens.empty(), "a peer sent {} tokens of no sequence", tokens.size());
  for (const RowChange& told : change.rows) {
    require(told.at >= 0 && told.at < batch.size(), "a peer wants row {} of {}", told.at, batch.size());
    batch.wanted_at.push_back(told.at);
    batch.wanted.push_back(hear_row(told, slot_of_token(batch, told.at)));
  }
  batch.checkpoints = change.checkpoints;
  return batch;
}

void StepMemory::hear_sequence(const SequenceChange& told, std::span<const std::int32_t> tokens,
                               model::Batch& batch) {
  Slot& known = at(told.slot);
  apply(told.pages, known.pages);
  apply(told.window, known.window.pages);
  known.window.first = told.window_first;
  const std::int32_t index = batch.add_sequence(told.slot, known.pages, told.expanded, known.window);
  batch.resume(index, told.resumed);
  std::int32_t position = told.first_position;
  for (const std::int32_t token : tokens) batch.add(token, position++, index);
}

model::WantedRow StepMemory::hear_row(const RowChange& told, std::int32_t slot) {
  model::WantedRow row = told.row;
  if (told.as_before) {
    row = at(slot).row;
    row.recent = changed_by(told.counts, row.recent);
  }
  if (row.want == model::Want::candidates) at(slot).row = row;
  return row;
}

}  // namespace yoke::runtime
