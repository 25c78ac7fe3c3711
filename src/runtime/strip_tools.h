// What ranks work with on every strip of rows of logits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "comm/comm.h"
#include "kernels/kernels.h"
#include "model/partition.h"

namespace yoke::runtime {

/// It outlives the strips.
struct StripTools {
  comm::Comm& comm;
  ThreadPool& pool;
  const kernels::Kernels& kernels;
  std::vector<model::Range> vocabulary;  // of each rank, in rank order; together the whole

  model::Range columns(int rank) const { return vocabulary[static_cast<std::size_t>(rank)]; }
  /// How many of a rank's columns are those of ids below the limit.
  std::int64_t columns_below(std::int32_t limit, int rank) const {
    return std::clamp<std::int64_t>(limit - columns(rank).begin, 0, columns(rank).size());
  }
  bool owns(int rank, std::int32_t token) const {
    return token >= columns(rank).begin && token < columns(rank).end;
  }
  /// The rank whose column a token of the vocabulary is.
  int owner(std::int32_t token) const {
    int rank = 0;
    while (!owns(rank, token)) ++rank;
    return rank;
  }
};

}  // namespace yoke::runtime
