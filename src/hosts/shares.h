// How work is divided among machines that differ: by what each is told to do, or by how fast it is, as far as
// its memory holds it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace yoke::hosts {

/// A machine that takes part.
struct Sharer {
  int slots = 1;             // ranks
  double weight = 0;         // its part, relative to the other machines'; they all have one, or none
  double speed = 0;          // bytes of weights per second while a token is generated; 0: not known
  std::uint64_t memory = 0;  // bytes that its ranks may take; 0: not known
};

/// The bytes that a rank needs.
struct RankNeed {
  std::uint64_t weights = 0;  // grow with its share
  std::uint64_t others = 0;
  std::uint64_t total() const;
};
/// Of each rank, in rank order, where work is divided into such shares; nothing where that is not known.
using ShareNeeds = std::function<std::vector<RankNeed>(const std::vector<double>& shares)>;

struct Shares {
  /// Of each rank, in rank order, relative to the others'; all 1 where they are equal.
  std::vector<double> of_ranks;
  /// Of each machine, why it has the share that it has: half a sentence.
  std::vector<std::string> reasons;

  bool are_equal() const;
  /// What a machine's ranks do of the work, of 1. `sharers` are those of share_out().
  double part_of(std::span<const Sharer> sharers, std::size_t machine) const;
};

/// Ranks are numbered in the order of the machines, and those of one machine have equal shares. Where
/// machines have weights, these count. Else their speeds, if all are known and they differ by more than
/// measurements of the same do; and a machine whose memory holds less has as much as it holds, where the
/// others have room for the rest. Else all ranks have equal shares.
Shares share_out(std::span<const Sharer> sharers, const ShareNeeds& needs);

}  // namespace yoke::hosts
