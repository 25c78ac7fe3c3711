#include "hosts/shares.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <numeric>
#include <optional>

#include "base/saturating.h"
#include "base/topology.h"

namespace yoke::hosts {

namespace {

/// Machines that are alike measure so differently.
constexpr double likeness = 1.1;
/// Of the room that a machine has for weights, what is given to it: borders between ranks lie at whole heads
/// and units.
constexpr double filling = 0.98;

using Sharers = std::span<const Sharer>;

int ranks_of(Sharers sharers) {
  return std::accumulate(sharers.begin(), sharers.end(), 0,
                         [](int sum, const Sharer& each) { return sum + each.slots; });
}

/// Each machine's part divided among its ranks.
std::vector<double> divided(Sharers sharers, const std::vector<double>& parts) {
  std::vector<double> shares;
  for (std::size_t i = 0; i < sharers.size(); ++i)
    shares.insert(shares.end(), static_cast<std::size_t>(sharers[i].slots), parts[i] / sharers[i].slots);
  return shares;
}

std::vector<double> parts_of(Sharers sharers, double Sharer::*part) {
  std::vector<double> parts;
  for (const Sharer& each : sharers) parts.push_back(each.*part);
  return parts;
}

Shares all_for(Sharers sharers, std::vector<double> shares, const std::string& reason) {
  return {std::move(shares), std::vector<std::string>(sharers.size(), reason)};
}

Shares equal(Sharers sharers, const std::string& reason) {
  return all_for(sharers, std::vector<double>(static_cast<std::size_t>(ranks_of(sharers)), 1.0), reason);
}

Shares by_weight(Sharers sharers) {
  Shares shares = all_for(sharers, divided(sharers, parts_of(sharers, &Sharer::weight)), "");
  for (std::size_t i = 0; i < sharers.size(); ++i)
    shares.reasons[i] = fmt::format("its weight is {:g}", sharers[i].weight);
  return shares;
}

Shares by_speed(Sharers sharers) {
  const auto is_known = [](const Sharer& each) { return each.speed > 0; };
  if (!std::all_of(sharers.begin(), sharers.end(), is_known))
    return equal(sharers, "all ranks alike, for not every speed is known");
  Shares shares = all_for(sharers, divided(sharers, parts_of(sharers, &Sharer::speed)), "");
  const auto [slowest, fastest] = std::minmax_element(shares.of_ranks.begin(), shares.of_ranks.end());
  if (*fastest <= likeness * *slowest) return equal(sharers, "all ranks alike, as their speeds are");
  for (std::size_t i = 0; i < sharers.size(); ++i)
    shares.reasons[i] = fmt::format("it reads {:.1f} GB/s of weights", sharers[i].speed / 1e9);
  return shares;
}

/// What the ranks of a machine need together, the first of which is `first`.
RankNeed need_of(const std::vector<RankNeed>& needs, std::size_t first, int ranks) {
  RankNeed sum;
  for (std::size_t rank = first; rank < first + static_cast<std::size_t>(ranks); ++rank) {
    sum.weights = saturating_sum(sum.weights, needs[rank].weights);
    sum.others = saturating_sum(sum.others, needs[rank].others);
  }
  return sum;
}

/// The parts of machines, of 1 together, that they have by themselves, none more than its limit: what that
/// leaves goes to those that are below theirs. Nothing where all have their limits and something is left.
std::optional<std::vector<double>> parts_within(const std::vector<double>& wanted,
                                                const std::vector<double>& limits) {
  std::vector<double> parts(wanted.size());
  std::vector<bool> full(wanted.size());
  while (true) {
    double left = 1, wanting = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      (full[i] ? left : wanting) += full[i] ? -limits[i] : wanted[i];
    if (wanting == 0) return std::nullopt;
    bool changed = false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      parts[i] = full[i] ? limits[i] : left * wanted[i] / wanting;
      if (full[i] || parts[i] <= limits[i]) continue;
      full[i] = changed = true;
    }
    if (!changed) return parts;
  }
}

/// What of its part a machine has room for, of 1; at least 1 where it has room for all.
double room_of(const Sharer& sharer, const RankNeed& need) {
  if (sharer.memory == 0 || need.total() <= sharer.memory) return 1;
  const std::uint64_t room = sharer.memory - std::min(sharer.memory, need.others);
  return filling * static_cast<double>(room) / static_cast<double>(std::max<std::uint64_t>(need.weights, 1));
}

/// Nothing where all of it does not fit, however it is divided: whoever looks at the memory says so.
std::optional<Shares> within_memory(Sharers sharers, Shares shares, const ShareNeeds& needs) {
  std::vector<double> wanted, limits(sharers.size(), 1);
  for (std::size_t i = 0; i < sharers.size(); ++i) wanted.push_back(shares.part_of(sharers, i));
  std::vector<double> parts = wanted;
  // Whose part grows may have no room for it then. Borders at whole heads may make a need larger than it
  // should be, so a limit may fall more than once.
  const std::size_t most_rounds = 4 * sharers.size();
  for (std::size_t round = 0; round <= most_rounds; ++round) {
    const std::vector<RankNeed> now = needs(shares.of_ranks);
    if (now.empty()) return shares;
    bool fits = true;
    std::size_t first = 0;
    for (std::size_t i = 0; i < sharers.size(); first += static_cast<std::size_t>(sharers[i++].slots)) {
      const double room = room_of(sharers[i], need_of(now, first, sharers[i].slots));
      if (room >= 1) continue;
      fits = false;
      limits[i] = room * parts[i];
      if (limits[i] <= 0) return std::nullopt;
      shares.reasons[i] = fmt::format("its {} hold no more", format_bytes(sharers[i].memory));
    }
    if (fits) return shares;
    const auto possible = parts_within(wanted, limits);
    if (!possible) return std::nullopt;
    parts = *possible;
    shares.of_ranks = divided(sharers, parts);
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t RankNeed::total() const { return saturating_sum(weights, others); }

bool Shares::are_equal() const {
  return std::all_of(of_ranks.begin(), of_ranks.end(),
                     [&](double share) { return share == of_ranks.front(); });
}

double Shares::part_of(std::span<const Sharer> sharers, std::size_t machine) const {
  const auto begin = of_ranks.begin() + ranks_of(sharers.first(machine));
  return std::accumulate(begin, begin + sharers[machine].slots, 0.0) /
         std::accumulate(of_ranks.begin(), of_ranks.end(), 0.0);
}

Shares share_out(std::span<const Sharer> sharers, const ShareNeeds& needs) {
  assert(!sharers.empty());
  if (sharers.front().weight > 0) return by_weight(sharers);
  const Shares shares = by_speed(sharers);
  return within_memory(sharers, shares, needs).value_or(shares);
}

}  // namespace yoke::hosts
