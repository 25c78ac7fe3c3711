// What it costs that threads wait for each other: a step of decoding does so hundreds of times.
#pragma once

#include <vector>

#include "base/thread_pool.h"

namespace yoke::rates {

/// Seconds from the start of a parallel region that does nothing to its end on all threads, the mean of
/// many that follow one another at once; of each pass. A pass takes about a millisecond.
std::vector<double> measure_barrier(ThreadPool& pool, int passes);

}  // namespace yoke::rates
