#include "hosts/fewer_machines.h"

#include <algorithm>
#include <utility>

namespace yoke::hosts {
namespace {

/// Speeds are measured, and may be so wrong.
constexpr double least_gain = 1.05;

using Machines = std::vector<std::size_t>;

std::vector<Machines> candidates(std::size_t n) {
  std::vector<Machines> found;
  for (std::size_t i = 0; i < n; ++i) {
    found.push_back({i});
    if (n == 2) continue;  // all but one is one alone
    Machines others;
    for (std::size_t j = 0; j < n; ++j)
      if (j != i) others.push_back(j);
    found.push_back(std::move(others));
  }
  return found;
}

std::vector<Sharer> chosen(std::span<const Sharer> sharers, const Machines& machines) {
  std::vector<Sharer> some;
  for (const std::size_t i : machines) some.push_back(sharers[i]);
  return some;
}

}  // namespace

std::optional<double> modelled_speed(std::span<const Sharer> sharers, const Shares& shares,
                                     const ShareNeeds& needs, const TokenCost& cost) {
  const std::vector<RankNeed> of_ranks = needs(shares.of_ranks);
  if (of_ranks.empty()) return std::nullopt;
  double slowest = 0;
  std::size_t rank = 0;
  for (const Sharer& sharer : sharers) {
    double weights = 0, total = 0;
    for (int slot = 0; slot < sharer.slots; ++slot, ++rank) {
      weights += static_cast<double>(of_ranks[rank].weights);
      total += static_cast<double>(of_ranks[rank].total());
    }
    if (sharer.speed <= 0 || (sharer.memory > 0 && total > static_cast<double>(sharer.memory)))
      return std::nullopt;
    slowest = std::max(slowest, cost.active * weights / sharer.speed);
  }
  const double seconds = slowest + (sharers.size() > 1 ? cost.exchange_seconds : 0);
  return seconds > 0 ? std::optional(1 / seconds) : std::nullopt;
}

std::optional<FewerMachines> find_fewer(std::span<const Sharer> sharers, const Shares& shares,
                                        const ShareNeeds& needs, const TokenCost& cost) {
  if (sharers.size() < 2) return std::nullopt;
  const std::optional<double> together = modelled_speed(sharers, shares, needs, cost);
  if (!together) return std::nullopt;
  FewerMachines best{{}, *together * least_gain, *together};
  for (Machines& machines : candidates(sharers.size())) {
    const std::vector<Sharer> some = chosen(sharers, machines);
    const std::optional<double> speed = modelled_speed(some, share_out(some, needs), needs, cost);
    if (speed && *speed > best.speed) best = {std::move(machines), *speed, *together};
  }
  return best.machines.empty() ? std::nullopt : std::optional(best);
}

}  // namespace yoke::hosts
