#include "model/batch.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"

namespace yoke::model {
namespace {

void check_candidates(const WantedRow& row) {
  require(row.vocabulary_limit > 0 && row.candidates > 0,
          "a peer sent a batch that wants {} candidates among {} tokens", row.candidates,
          row.vocabulary_limit);
  require(row.log_probabilities >= -1, "a peer sent a batch that wants {} log-probabilities",
          row.log_probabilities);
  require(std::isfinite(row.temperature) && row.temperature >= 0, "a peer sent a batch with temperature {}",
          row.temperature);
  require(std::isfinite(row.repetition_penalty) && row.repetition_penalty > 0 &&
              std::isfinite(row.presence_penalty) && std::isfinite(row.frequency_penalty),
          "a peer sent a batch with the penalties {}, {} and {}", row.repetition_penalty,
          row.presence_penalty, row.frequency_penalty);
  for (const LogitBias& bias : row.bias) {
    require(bias.token >= 0 && bias.bias < std::numeric_limits<float>::infinity(),
            "a peer sent a batch with a bias of {} on token {}", bias.bias, bias.token);
  }
  for (const TokenCount& recent : row.recent) {
    require(recent.token >= 0 && recent.count > 0, "a peer sent a batch where token {} occurred {} times",
            recent.token, recent.count);
  }
}

void check_slots(const Batch& batch) {
  require(batch.slots.size() == batch.page_tables.size(), "a peer sent a batch of {} sequences with {} slots",
          batch.page_tables.size(), batch.slots.size());
  std::vector<std::int32_t> sorted = batch.slots;
  std::sort(sorted.begin(), sorted.end());
  require(sorted.empty() || sorted.front() >= 0, "a peer sent a batch with slot {}", sorted.front());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  require(twice == sorted.end(), "a peer sent a batch where two sequences have slot {}", *twice);
}

/// The sequences of the tokens have been found to be there.
void check_order(const Batch& batch) {
  constexpr std::int32_t none = -1;
  std::vector<std::int32_t> last(batch.page_tables.size(), none);  // position of each sequence
  for (std::size_t i = 0; i < batch.positions.size(); ++i) {
    const std::int32_t position = batch.positions[i];
    std::int32_t& before = last[static_cast<std::size_t>(batch.sequences[i])];
    require(before == none || position == before + 1,
            "a peer sent a batch where position {} of a sequence follows position {}", position, before);
    before = position;
  }
}

/// The tokens have been found to be in order, and slots to be distinct.
void check_states(const Batch& batch) {
  require(batch.resumed.size() == batch.slots.size(),
          "a peer sent a batch of {} sequences that go on from {} states", batch.slots.size(),
          batch.resumed.size());
  std::set<std::int32_t> touched(batch.slots.begin(), batch.slots.end());
  for (std::size_t i = 0; i < batch.resumed.size(); ++i) {
    const std::int32_t state = batch.resumed[i];
    require(state >= 0 && (state == batch.slots[i] || !touched.contains(state)),
            "a peer sent a batch where a sequence goes on from state {}, which it may not", state);
  }
  touched.insert(batch.resumed.begin(), batch.resumed.end());
  std::set<std::pair<std::int32_t, std::int32_t>> ends;  // sequence and position after each token
  for (std::size_t i = 0; i < batch.positions.size(); ++i)
    ends.insert({batch.sequences[i], batch.positions[i] + 1});
  std::map<std::int32_t, std::int32_t> before;  // position of each sequence's last checkpoint
  for (const ops::Checkpoint& each : batch.checkpoints) {
    require(ends.contains({each.sequence, each.position}) && each.position > before[each.sequence],
            "a peer sent a batch with a checkpoint at position {} of sequence {}, out of order or where no "
            "token is",
            each.position, each.sequence);
    require(each.state >= 0 && touched.insert(each.state).second,
            "a peer sent a batch with a checkpoint in state {}, which something else of it uses", each.state);
    before[each.sequence] = each.position;
  }
}

void check_wanted(const Batch& batch) {
  require(batch.wanted_at.size() == batch.wanted.size(),
          "a peer sent a batch with {} rows wanted at {} places", batch.wanted.size(),
          batch.wanted_at.size());
  std::int32_t before = -1;
  for (const std::int32_t at : batch.wanted_at) {
    require(at > before && at < batch.size(),
            "a peer sent a batch of {} tokens that wants row {} after row {}", batch.size(), at, before);
    before = at;
  }
  for (const WantedRow& row : batch.wanted) {
    require(row.target >= 0, "a peer sent a batch that asks for token {}", row.target);
    if (row.want == Want::candidates) check_candidates(row);
  }
}

}  // namespace

std::int32_t Batch::add_sequence(std::int32_t slot, std::vector<std::int32_t> pages,
                                 std::int32_t expanded_below, WindowPages window) {
  page_tables.push_back(std::move(pages));
  slots.push_back(slot);
  resumed.push_back(slot);
  expanded.push_back(expanded_below);
  windows.push_back(std::move(window));
  return static_cast<std::int32_t>(slots.size()) - 1;
}

void Batch::add(std::int32_t token, std::int32_t position, std::int32_t sequence) {
  assert(position >= 0 && sequence >= 0);
  tokens.push_back(token);
  positions.push_back(position);
  sequences.push_back(sequence);
}

void Batch::want(WantedRow row) {
  const auto at = static_cast<std::int32_t>(size() - 1);
  assert(at >= 0 && (wanted_at.empty() || wanted_at.back() < at));
  wanted_at.push_back(at);
  wanted.push_back(std::move(row));
}

void Batch::resume(std::int32_t sequence, std::int32_t state) {
  resumed[static_cast<std::size_t>(sequence)] = state;
}

void Batch::keep(std::int32_t state) {
  assert(!tokens.empty());
  checkpoints.push_back({sequences.back(), positions.back() + 1, state});
}

ops::Step Batch::step() const {
  ops::Step step{tokens, positions, sequences, wanted_at, {}, {}, slots, expanded, resumed, checkpoints};
  for (const std::vector<std::int32_t>& table : page_tables) step.page_tables.emplace_back(table);
  for (const WindowPages& window : windows) step.window_tables.push_back({window.first, window.pages});
  return step;
}

void Batch::check() const {
  const std::size_t n = tokens.size();
  require(positions.size() == n && sequences.size() == n,
          "a peer sent a batch of {} tokens with {} positions and {} sequences", n, positions.size(),
          sequences.size());
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t sequence = sequences[i];
    require(sequence >= 0 && sequence < static_cast<std::int32_t>(page_tables.size()),
            "a peer sent a batch with sequence {} of {}", sequence, page_tables.size());
    const std::size_t pages = page_tables[static_cast<std::size_t>(sequence)].size();
    require(positions[i] >= 0 && static_cast<std::size_t>(positions[i]) / ops::page_positions < pages,
            "a peer sent a batch with position {} in a sequence of {} pages", positions[i], pages);
    require(tokens[i] >= 0, "a peer sent a batch with token {}", tokens[i]);
  }
  for (const std::vector<std::int32_t>& table : page_tables) {
    for (const std::int32_t page : table) require(page >= 0, "a peer sent a batch with page {}", page);
  }
  check_order(*this);
  check_slots(*this);
  check_states(*this);
  require(expanded.size() == page_tables.size() && windows.size() == page_tables.size(),
          "a peer sent a batch of {} sequences with {} forms and {} windows", page_tables.size(),
          expanded.size(), windows.size());
  check_wanted(*this);
}

}  // namespace yoke::model
