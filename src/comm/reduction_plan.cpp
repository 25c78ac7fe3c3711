#include "comm/reduction_plan.h"

#include <algorithm>
#include <cassert>

namespace yoke::comm {
namespace {

using Of = Stretch::Of;

ReductionPlan plan_direct(int rank, int ranks, std::size_t n) {
  ReductionPlan plan{.room = n * static_cast<std::size_t>(ranks), .sum = {Of::vector, 0, n}};
  Round& round = plan.rounds.emplace_back();
  for (int r = 0; r < ranks; ++r) {
    if (r == rank) {
      plan.addends.push_back({Of::vector, 0, n});
      continue;
    }
    const Stretch slot{Of::room, n * static_cast<std::size_t>(r), n};
    round.receives.push_back({r, slot});
    round.sends.push_back({r, {Of::vector, 0, n}});
    plan.addends.push_back(slot);
  }
  return plan;
}

ReductionPlan plan_pieces(int rank, int ranks, std::size_t n) {
  const auto piece = [&](int r) {
    const auto bound = [&](int i) {
      return n * static_cast<std::size_t>(i) / static_cast<std::size_t>(ranks);
    };
    return Stretch{Of::vector, bound(r), bound(r + 1) - bound(r)};
  };
  const Stretch mine = piece(rank);
  ReductionPlan plan{.room = mine.count * static_cast<std::size_t>(ranks), .sum = mine};
  Round scatter, gather;
  for (int r = 0; r < ranks; ++r) {
    if (r == rank) {
      plan.addends.push_back(mine);
      continue;
    }
    const Stretch slot{Of::room, mine.count * static_cast<std::size_t>(r), mine.count};
    scatter.receives.push_back({r, slot});
    scatter.sends.push_back({r, piece(r)});
    gather.receives.push_back({r, piece(r)});
    gather.sends.push_back({r, mine});
    plan.addends.push_back(slot);
  }
  plan.rounds = {scatter, gather};
  return plan;
}

/// Block j of the room is the vector of the j-th rank after this one.
ReductionPlan plan_doubling(int rank, int ranks, std::size_t n) {
  ReductionPlan plan{
      .room = n * static_cast<std::size_t>(ranks), .starts_in_room = true, .sum = {Of::vector, 0, n}};
  for (int have = 1; have < ranks; have *= 2) {
    const auto blocks = static_cast<std::size_t>(std::min(have, ranks - have));
    Round& round = plan.rounds.emplace_back();
    round.receives.push_back(
        {(rank + have) % ranks, {Of::room, n * static_cast<std::size_t>(have), n * blocks}});
    round.sends.push_back({(rank - have + ranks) % ranks, {Of::room, 0, n * blocks}});
  }
  plan.added_after = plan.rounds.size() - 1;
  for (int r = 0; r < ranks; ++r)
    plan.addends.push_back({Of::room, n * static_cast<std::size_t>((r - rank + ranks) % ranks), n});
  return plan;
}

}  // namespace

std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::direct:
      return "direct";
    case Algorithm::pieces:
      return "pieces";
    case Algorithm::doubling:
      break;
  }
  return "doubling";
}

ReductionPlan plan_reduction(Algorithm algorithm, int rank, int ranks, std::size_t n) {
  assert(ranks > 1 && rank >= 0 && rank < ranks && n > 0);
  switch (algorithm) {
    case Algorithm::direct:
      return plan_direct(rank, ranks, n);
    case Algorithm::pieces:
      return plan_pieces(rank, ranks, n);
    case Algorithm::doubling:
      break;
  }
  return plan_doubling(rank, ranks, n);
}

}  // namespace yoke::comm
