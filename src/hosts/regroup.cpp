#include "hosts/regroup.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/saturating.h"
#include "base/topology.h"

namespace yoke::hosts {

namespace {

constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

/// What each machine carries so far.
struct Load {
  int ranks = 0;
  std::uint64_t bytes = 0;
};

/// The machine of each rank at first, without those that are lost.
std::vector<std::size_t> first_places(std::span<const Member> members) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < members.size(); ++i)
    places.insert(places.end(), static_cast<std::size_t>(members[i].slots), members[i].answers ? i : nowhere);
  return places;
}

std::uint64_t need_of(const std::vector<RankNeed>& needs, std::size_t rank) {
  return rank < needs.size() ? needs[rank].total() : 0;
}

void carry(Load& load, std::uint64_t need) {
  ++load.ranks;
  load.bytes = saturating_sum(load.bytes, need);
}

bool has_room(const Member& member, const Load& load, std::uint64_t need) {
  return member.answers && saturating_sum(load.bytes, need) <= member.memory;
}

/// Whether `a` has fewer ranks than `b` for what it had at first.
bool is_lighter(const Member& a, const Load& load_a, const Member& b, const Load& load_b) {
  return load_a.ranks * b.slots < load_b.ranks * a.slots;
}

bool all_have_room(std::span<const Member> members, const std::vector<Load>& loads) {
  for (std::size_t i = 0; i < members.size(); ++i)
    if (loads[i].ranks > 0 && !has_room(members[i], loads[i], 0)) return false;
  return true;
}

std::size_t lightest(std::span<const Member> members, const std::vector<Load>& loads, std::uint64_t need) {
  std::size_t best = nowhere;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (!has_room(members[i], loads[i], need)) continue;
    if (best == nowhere || is_lighter(members[i], loads[i], members[best], loads[best])) best = i;
  }
  return best;
}

/// Every rank has a machine, a lost one's another; nothing where they do not fit.
std::optional<std::vector<std::size_t>> double_up(std::span<const Member> members,
                                                  const std::vector<RankNeed>& needs) {
  std::vector<std::size_t> places = first_places(members);
  std::vector<Load> loads(members.size());
  for (std::size_t rank = 0; rank < places.size(); ++rank)
    if (places[rank] != nowhere) carry(loads[places[rank]], need_of(needs, rank));
  if (!all_have_room(members, loads)) return std::nullopt;
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    if (places[rank] != nowhere) continue;
    const std::size_t machine = lightest(members, loads, need_of(needs, rank));
    if (machine == nowhere) return std::nullopt;
    places[rank] = machine;
    carry(loads[machine], need_of(needs, rank));
  }
  return places;
}

std::string names_of(std::span<const Member> members, const std::vector<std::size_t>& which) {
  std::vector<std::string> names;
  for (const std::size_t i : which) names.push_back(members[i].name);
  if (names.size() < 2) return names.empty() ? "" : names.front();
  const std::string last = names.back();
  names.pop_back();
  return fmt::format("{} and {}", fmt::join(names, ", "), last);
}

/// "node3 is gone"; empty where none is.
std::string loss_of(std::span<const Member> members) {
  std::vector<std::size_t> lost;
  for (std::size_t i = 0; i < members.size(); ++i)
    if (!members[i].answers) lost.push_back(i);
  return lost.empty() ? "" : names_of(members, lost) + (lost.size() == 1 ? " is gone" : " are gone");
}

/// "node3 is gone, node1 does its part too".
std::string describe_helpers(std::span<const Member> members, const std::vector<std::size_t>& places) {
  std::vector<std::size_t> helpers;
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].answers && std::count(places.begin(), places.end(), i) > members[i].slots)
      helpers.push_back(i);
  const bool one = std::count_if(members.begin(), members.end(),
                                 [](const Member& member) { return !member.answers; }) == 1;
  return fmt::format("{}, {} {} {} part too", loss_of(members), names_of(members, helpers),
                     helpers.size() == 1 ? "does" : "do", one ? "its" : "their");
}

std::string describe_fewer(std::span<const Member> members, std::size_t ranks, std::size_t at_first) {
  return fmt::format(
      "{}, going on with {} rank{} in place of {}: from here on texts may differ from what those would write",
      loss_of(members), ranks, ranks == 1 ? "" : "s", at_first);
}

/// The ranks that the machines had which are left.
Grouping without_lost(std::span<const Member> members) {
  Grouping grouping;
  const std::vector<std::size_t> places = first_places(members);
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    if (places[rank] == nowhere) continue;
    grouping.ranks.push_back(rank);
    grouping.machine_of_rank.push_back(places[rank]);
  }
  return grouping;
}

std::vector<std::size_t> all_ranks(std::size_t count) {
  std::vector<std::size_t> ranks(count);
  std::iota(ranks.begin(), ranks.end(), std::size_t{0});
  return ranks;
}

void require_room(std::span<const Member> members, const std::vector<std::size_t>& places,
                  const std::vector<RankNeed>& needs) {
  std::vector<Load> loads(members.size());
  for (std::size_t rank = 0; rank < places.size(); ++rank) carry(loads[places[rank]], need_of(needs, rank));
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (loads[i].bytes <= members[i].memory || !members[i].answers) continue;
    const std::string loss = loss_of(members);
    fail("{}the model does not fit {}: the part of {} needs {}, but only {} are available there",
         loss.empty() ? "" : loss + ", and ", loss.empty() ? "any more" : "the machines that are left",
         members[i].name, format_bytes(loads[i].bytes), format_bytes(members[i].memory));
  }
}

}  // namespace

Grouping regroup(std::span<const Member> members, const RankNeeds& needs) {
  const std::size_t at_first = first_places(members).size();
  Grouping grouping = without_lost(members);
  const std::size_t left = grouping.ranks.size();
  if (left < at_first) {
    if (auto places = double_up(members, needs(all_ranks(at_first)))) {
      std::string change = describe_helpers(members, *places);
      return {all_ranks(at_first), std::move(*places), std::move(change)};
    }
    grouping.change = describe_fewer(members, left, at_first);
  }
  require_room(members, grouping.machine_of_rank, needs(grouping.ranks));
  return grouping;
}

}  // namespace yoke::hosts
