#include "simulation/fake_model.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

namespace yoke::runtime {
namespace {

constexpr std::uint64_t beginning = 0x9E3779B97F4A7C15;

/// SplitMix64, https://prng.di.unimi.it/splitmix64.c
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// A page that two sequences of a step write to, if there is one.
std::optional<std::int32_t> page_written_twice(const model::Batch& batch) {
  std::map<std::int32_t, std::int32_t> writers;
  for (std::size_t i = 0; i < batch.tokens.size(); ++i) {
    const auto& table = batch.page_tables[static_cast<std::size_t>(batch.sequences[i])];
    const std::int32_t page = table[static_cast<std::size_t>(batch.positions[i]) / ops::page_positions];
    if (writers.try_emplace(page, batch.sequences[i]).first->second != batch.sequences[i]) return page;
  }
  return std::nullopt;
}

}  // namespace

FakeModel::FakeModel(const SchedulerLimits& limits)
    : limits_(limits),
      cells_(static_cast<std::size_t>(limits.pages) * ops::page_positions),
      window_cells_(static_cast<std::size_t>(limits.window_pages) * ops::page_positions),
      states_(static_cast<std::size_t>(limits.slots + limits.checkpoints)) {}

std::uint64_t FakeModel::after(std::uint64_t state, Token token, bool expanded) {
  return mixed(state ^ mixed(2 * static_cast<std::uint64_t>(token) + (expanded ? 1 : 2)));
}

Token FakeModel::drawn(std::uint64_t state, const Request& request, std::int32_t position) const {
  const std::uint64_t draw = mixed(state ^ request.sampling.seed ^ static_cast<std::uint64_t>(position));
  return static_cast<Token>(draw % static_cast<std::uint64_t>(limits_.vocabulary));
}

FakeModel::Cell& FakeModel::cell(const std::vector<std::int32_t>& table, std::int32_t position) {
  const auto at = static_cast<std::size_t>(position);
  const auto page = static_cast<std::size_t>(table[at / ops::page_positions]);
  return cells_[page * ops::page_positions + at % ops::page_positions];
}

FakeModel::Cell& FakeModel::window_cell(const model::WindowPages& table, std::int32_t position) {
  const auto page = static_cast<std::size_t>(
      table.pages.at(static_cast<std::size_t>(position / ops::page_positions - table.first)));
  return window_cells_.at(page * ops::page_positions +
                          static_cast<std::size_t>(position % ops::page_positions));
}

/// Whether its window's pages have what the others have, at the window's beginning, its end and the pages'
/// ends.
bool FakeModel::sees_its_window(const model::Batch& batch, std::size_t sequence, std::int32_t position) {
  const std::int32_t first = first_seen(position, limits_.window);
  for (std::int32_t seen = position - 1; seen >= first;) {
    if (window_cell(batch.windows[sequence], seen).state != cell(batch.page_tables[sequence], seen).state)
      return false;
    const std::int32_t end_of_page_before = seen / ops::page_positions * ops::page_positions - 1;
    seen = seen > first ? std::max(first, end_of_page_before) : first - 1;
  }
  return true;
}

/// What a recurrent layer knows after a token of the batch.
void FakeModel::keep_states(const model::Batch& batch, std::size_t token, const Cell& now) {
  const std::int32_t sequence = batch.sequences[token];
  states_.at(static_cast<std::size_t>(batch.slots[static_cast<std::size_t>(sequence)])) = now;
  for (const ops::Checkpoint& each : batch.checkpoints) {
    if (each.sequence == sequence && each.position == batch.positions[token] + 1)
      states_.at(static_cast<std::size_t>(each.state)) = now;
  }
}

std::optional<std::string> FakeModel::compute(const PlannedStep& step, const Requests& requests,
                                              std::vector<Row>& rows) {
  const model::Batch& batch = step.batch;
  batch.check();
  if (const std::optional<std::int32_t> page = page_written_twice(batch))
    return fmt::format("two sequences write to page {}", *page);
  std::size_t row = 0;
  std::vector<std::int32_t> resumed = batch.resumed;  // the slots', once a token has been computed
  for (std::size_t i = 0; i < batch.tokens.size(); ++i) {
    const auto sequence = static_cast<std::size_t>(batch.sequences[i]);
    const Request& request = requests.at(step.requests[sequence]);
    const std::int32_t position = batch.positions[i];
    Cell before{beginning, request.salt};
    if (position > 0) before = cell(batch.page_tables[sequence], position - 1);
    if (before.salt != request.salt)
      return fmt::format("request {} with salt {} reads what one with salt {} has computed", request.id,
                         request.salt, before.salt);
    if (limits_.window > 0 && !sees_its_window(batch, sequence, position))
      return fmt::format("request {} does not see its window at position {}", request.id, position);
    if (limits_.recurrent && position > 0 &&
        states_.at(static_cast<std::size_t>(resumed[sequence])).state != before.state)
      return fmt::format("request {} goes on at position {} from a state of other tokens", request.id,
                         position);
    const bool expanded = position < batch.expanded[sequence];
    const Cell now{after(before.state, batch.tokens[i], expanded), request.salt};
    cell(batch.page_tables[sequence], position) = now;
    if (limits_.window > 0) window_cell(batch.windows[sequence], position) = now;
    if (limits_.recurrent) keep_states(batch, i, now);
    resumed[sequence] = batch.slots[sequence];
    if (row == batch.wanted_at.size() || batch.wanted_at[row] != static_cast<std::int32_t>(i)) continue;
    rows.push_back({step.owners[row], drawn(now.state, request, position)});
    ++row;
  }
  return std::nullopt;
}

/// Whether the position's cell lies wholly in what was given at once.
bool FakeModel::takes_expanded_form(const Request& request, std::int32_t position) const {
  const std::int32_t cell = limits_.expanded_cell;
  if (cell == 0) return false;
  const std::int32_t first = position / cell * cell, end = first + cell;
  if (request.given.empty()) return end <= std::ssize(request.prompt);
  return std::any_of(request.given.begin(), request.given.end(),
                     [&](const Stretch& each) { return each.first <= first && end <= each.end; });
}

std::vector<Token> FakeModel::undisturbed(const Request& request) const {
  std::uint64_t state = beginning;
  const auto given = static_cast<std::int32_t>(request.prompt.size());
  for (std::int32_t i = 0; i < given; ++i)
    state = after(state, request.prompt[static_cast<std::size_t>(i)], takes_expanded_form(request, i));
  std::vector<Token> tokens;
  std::int32_t position = given - 1;
  while (std::ssize(tokens) < request.max_tokens && position < limits_.context) {
    tokens.push_back(drawn(state, request, position));
    const auto& stops = request.stop_tokens;
    if (std::find(stops.begin(), stops.end(), tokens.back()) != stops.end()) break;
    state = after(state, tokens.back(), false);
    ++position;
  }
  return tokens;
}

}  // namespace yoke::runtime
