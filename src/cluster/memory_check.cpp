#include "cluster/memory_check.h"

#include <algorithm>
#include <cassert>
#include <vector>

#include "base/error.h"
#include "base/saturating.h"

namespace yoke::cluster {

using runtime::Place;

namespace {

/// Of the memory that is free, what may be filled.
constexpr std::uint64_t percent_of_free = 85;

/// The ranks of one machine, what they need together, and the tightest of their limits.
struct MachineClaim {
  std::vector<std::size_t> ranks;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_without_kv = 0;
  std::size_t tightest = 0;
};

MachineClaim claim_of_machine(const std::string& machine, std::span<const Place> places,
                              std::span<const MemoryClaim> claims) {
  MachineClaim result;
  for (std::size_t r = 0; r < places.size(); ++r) {
    if (places[r].machine != machine) continue;
    const model::MemoryNeed& need = claims[r].need;
    if (result.ranks.empty() || claims[r].available < claims[result.tightest].available) result.tightest = r;
    result.ranks.push_back(r);
    result.bytes = saturating_sum(result.bytes, need.total());
    result.bytes_without_kv = saturating_sum(result.bytes_without_kv, need.weights, need.scratch);
  }
  return result;
}

std::string refusal(const MachineClaim& machine, std::span<const Place> places,
                    std::span<const MemoryClaim> claims) {
  const MemoryClaim& tightest = claims[machine.tightest];
  const Place& place = places[machine.ranks.front()];
  const auto total = [&](std::size_t r) { return claims[r].need.total(); };
  const std::size_t largest =
      *std::max_element(machine.ranks.begin(), machine.ranks.end(),
                        [&](std::size_t a, std::size_t b) { return total(a) < total(b); });
  const model::MemoryNeed& need = claims[largest].need;
  std::string sum;
  for (const std::size_t r : machine.ranks) sum += (sum.empty() ? "" : " + ") + format_bytes(total(r));
  if (machine.ranks.size() > 1) sum += " = " + format_bytes(machine.bytes);
  const std::string who = machine.ranks.size() == 1
                              ? fmt::format("{} needs", describe(place))
                              : fmt::format("{} ranks on {} need", machine.ranks.size(), place.host);
  const std::string of_which = machine.ranks.size() == 1 ? "" : fmt::format("rank {}: ", largest);
  const bool kv_is_too_much = machine.bytes_without_kv <= tightest.available;
  return fmt::format(
      "the model does not fit: {} {} ({}weights {}, KV cache {}, scratch {}), but only {} are "
      "available there ({}){}",
      who, sum, of_which, format_bytes(need.weights), format_bytes(need.kv), format_bytes(need.scratch),
      format_bytes(tightest.available), tightest.limited_by,
      kv_is_too_much ? "; a smaller context (--ctx) needs less" : "");
}

}  // namespace

MemoryClaim claim(const model::MemoryNeed& need, const Memory& memory, std::uint64_t most) {
  const std::uint64_t budget = memory.available / 100 * percent_of_free;
  if (most == 0) return {need, memory.available, memory.limited_by, budget};
  if (most >= memory.available) return {need, memory.available, memory.limited_by, memory.available};
  return {need, most, "the memory it may have", most};
}

std::string judge_memory(std::span<const Place> places, std::span<const MemoryClaim> claims) {
  assert(places.size() == claims.size());
  for (const Place& place : places) {
    const MachineClaim machine = claim_of_machine(place.machine, places, claims);
    if (machine.bytes > claims[machine.tightest].available) return refusal(machine, places, claims);
  }
  return {};
}

std::int64_t affordable_pages(std::span<const Place> places, std::span<const MemoryClaim> claims,
                              std::int64_t contexts) {
  assert(places.size() == claims.size() && !claims.empty());
  const std::int64_t needed = claims.front().need.pages;
  std::int64_t more = std::max<std::int64_t>(contexts - 1, 0) * needed;
  for (const Place& place : places) {
    const MachineClaim machine = claim_of_machine(place.machine, places, claims);
    std::uint64_t page = 0;
    for (const std::size_t r : machine.ranks) page = saturating_sum(page, claims[r].need.page);
    if (page == 0) continue;
    const std::uint64_t budget = claims[machine.tightest].budget;
    const std::uint64_t left = budget - std::min(budget, machine.bytes);
    more = std::min(more, static_cast<std::int64_t>(left / page));
  }
  return needed + more;
}

}  // namespace yoke::cluster
