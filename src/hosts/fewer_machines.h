// Whether a run would be faster without one of its machines: a model of what a token takes, not a
// measurement.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "hosts/shares.h"

namespace yoke::hosts {

/// What generating one token takes of a model.
struct TokenCost {
  double active = 1;            // of the bytes of weights that a rank holds, those that it reads, of 1
  double exchange_seconds = 0;  // where there are several machines: all exchanges of a token together
};

/// Tokens per second of machines that share the work so: as many as the slowest of them reads its weights
/// for. Nothing where speeds or needs are not known, or a machine's memory does not hold its part.
std::optional<double> modelled_speed(std::span<const Sharer> sharers, const Shares& shares,
                                     const ShareNeeds& needs, const TokenCost& cost);

/// Machines that would be faster without the others.
struct FewerMachines {
  std::vector<std::size_t> machines;
  double speed = 0;         // tokens per second
  double speed_of_all = 0;  // likewise
};

/// The fastest of what is worth a try, all machines but one and each alone, where it is faster than all
/// together by more than a few percent. `shares` are those of share_out().
std::optional<FewerMachines> find_fewer(std::span<const Sharer> sharers, const Shares& shares,
                                        const ShareNeeds& needs, const TokenCost& cost);

}  // namespace yoke::hosts
