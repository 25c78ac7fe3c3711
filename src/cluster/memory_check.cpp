#include "cluster/memory_check.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/saturating.h"

namespace yoke::cluster {

using runtime::Place;

namespace {

/// Of the memory that is free, what may be filled.
constexpr std::uint64_t percent_of_free = 85;

/// Ranks that share a limit, and what they need together.
struct Group {
  std::vector<std::size_t> ranks;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_without_kv = 0;
  std::uint64_t limit = 0;
  std::string limited_by;
};

template <class IsMember>
Group group_of(std::span<const Place> places, std::span<const MemoryClaim> claims, IsMember is_member) {
  Group group;
  for (std::size_t r = 0; r < places.size(); ++r) {
    if (!is_member(places[r])) continue;
    const model::MemoryNeed& need = claims[r].need;
    group.ranks.push_back(r);
    group.bytes = saturating_sum(group.bytes, need.total());
    group.bytes_without_kv = saturating_sum(group.bytes_without_kv, need.weights, need.scratch);
  }
  return group;
}

/// Those of a machine share what is free there.
Group machine_of(const Place& place, std::span<const Place> places, std::span<const MemoryClaim> claims) {
  Group group = group_of(places, claims, [&](const Place& each) { return each.machine == place.machine; });
  const std::size_t tightest =
      *std::min_element(group.ranks.begin(), group.ranks.end(),
                        [&](std::size_t a, std::size_t b) { return claims[a].free < claims[b].free; });
  group.limit = claims[tightest].free;
  group.limited_by = claims[tightest].limited_by;
  return group;
}

/// Those of a host share what it may have, where that was given. One machine can be several hosts.
std::optional<Group> host_of(const Place& place, std::span<const Place> places,
                             std::span<const MemoryClaim> claims) {
  Group group = group_of(places, claims, [&](const Place& each) {
    return each.machine == place.machine && each.host == place.host;
  });
  for (const std::size_t r : group.ranks)
    if (claims[r].most > 0 && (group.limit == 0 || claims[r].most < group.limit))
      group.limit = claims[r].most;
  if (group.limit == 0) return std::nullopt;
  group.limited_by = "the memory it may have";
  return group;
}

std::string refusal(const Group& group, std::span<const Place> places, std::span<const MemoryClaim> claims) {
  const Place& place = places[group.ranks.front()];
  const auto total = [&](std::size_t r) { return claims[r].need.total(); };
  const std::size_t largest =
      *std::max_element(group.ranks.begin(), group.ranks.end(),
                        [&](std::size_t a, std::size_t b) { return total(a) < total(b); });
  const model::MemoryNeed& need = claims[largest].need;
  std::string sum;
  for (const std::size_t r : group.ranks) sum += (sum.empty() ? "" : " + ") + format_bytes(total(r));
  if (group.ranks.size() > 1) sum += " = " + format_bytes(group.bytes);
  const std::string who = group.ranks.size() == 1
                              ? fmt::format("{} needs", describe(place))
                              : fmt::format("{} ranks on {} need", group.ranks.size(), place.host);
  const std::string of_which = group.ranks.size() == 1 ? "" : fmt::format("rank {}: ", largest);
  const bool kv_is_too_much = group.bytes_without_kv <= group.limit;
  return fmt::format(
      "the model does not fit: {} {} ({}weights {}, KV cache {}, scratch {}), but only {} are "
      "available there ({}){}",
      who, sum, of_which, format_bytes(need.weights), format_bytes(need.kv), format_bytes(need.scratch),
      format_bytes(group.limit), group.limited_by,
      kv_is_too_much ? "; a smaller context (--ctx) needs less" : "");
}

/// How many pages more the ranks of a group have room for, each with its part of them.
std::int64_t pages_within(const Group& group, std::uint64_t budget, std::span<const MemoryClaim> claims) {
  std::uint64_t page = 0;
  for (const std::size_t r : group.ranks) page = saturating_sum(page, claims[r].need.page);
  if (page == 0) return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>((budget - std::min(budget, group.bytes)) / page);
}

}  // namespace

MemoryClaim claim(const model::MemoryNeed& need, const Memory& memory, std::uint64_t most) {
  return {need, memory.available, memory.limited_by, most};
}

std::string judge_memory(std::span<const Place> places, std::span<const MemoryClaim> claims) {
  assert(places.size() == claims.size());
  for (const Place& place : places) {
    const std::optional<Group> host = host_of(place, places, claims);
    if (host && host->bytes > host->limit) return refusal(*host, places, claims);
    const Group machine = machine_of(place, places, claims);
    if (machine.bytes > machine.limit) return refusal(machine, places, claims);
  }
  return {};
}

std::int64_t affordable_pages(std::span<const Place> places, std::span<const MemoryClaim> claims,
                              std::int64_t contexts) {
  assert(places.size() == claims.size() && !claims.empty());
  const std::int64_t needed = claims.front().need.pages;
  std::int64_t more = std::max<std::int64_t>(contexts - 1, 0) * needed;
  for (const Place& place : places) {
    const std::optional<Group> host = host_of(place, places, claims);
    if (host) more = std::min(more, pages_within(*host, host->limit, claims));
    // What somebody has allowed may be filled.
    const Group machine = machine_of(place, places, claims);
    const std::uint64_t budget = host ? machine.limit : machine.limit / 100 * percent_of_free;
    more = std::min(more, pages_within(machine, budget, claims));
  }
  return needed + more;
}

}  // namespace yoke::cluster
