// Which machines carry the ranks of an engine that is started again where some of its first ones are lost.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "hosts/shares.h"

namespace yoke::hosts {

/// A machine of the first start.
struct Member {
  std::string name;  // for people
  int slots = 1;     // ranks that it had
  bool answers = true;
  std::uint64_t memory = 0;  // bytes that ranks may take there; of one that answers
};

/// What each rank needs where there are only these of the first start's, in rank order; nothing where that is
/// not known.
using RankNeeds = std::function<std::vector<RankNeed>(const std::vector<std::size_t>& ranks)>;

struct Grouping {
  std::vector<std::size_t> ranks;            // which of the first start's there are, in rank order
  std::vector<std::size_t> machine_of_rank;  // which of the members
  std::string change;  // how that differs from the first start: half a sentence; empty where it does not
};

/// In the order of the first start, rank by rank. With as many ranks as at first where memory allows: a lost
/// machine's go to those that have the fewest for what they had at first, so that what is computed has the
/// same bits. Else with those ranks alone that the other machines had. `members` are in rank order, and one
/// at least answers. Throws Error with the sentence where the model does not fit.
Grouping regroup(std::span<const Member> members, const RankNeeds& needs);

}  // namespace yoke::hosts
