// What the sum of a token's activations over the ranks takes, and whether it is worth sending in two parts.
#pragma once

#include <cstddef>

#include "comm/comm.h"

namespace yoke::runtime {

struct SumTimes {
  double whole = 0;        // seconds of a sum, on this rank
  double in_parts = 0;     // what of it is not hidden by a product, where that is sent in two parts
  bool parts_pay = false;  // the same on every rank
};

/// A collective, of some milliseconds. Of vectors of n ≥ 1 values.
SumTimes time_sums(comm::Comm& comm, std::size_t n);

}  // namespace yoke::runtime
