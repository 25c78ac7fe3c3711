// How fast memory can be read: what the speed of generating is held against.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/thread_pool.h"

namespace yoke::rates {

/// Bytes that measure_stream() should read on a machine with a last-level cache of `cache` bytes and
/// `available` bytes of free memory: far more than the cache holds, and no more than a quarter of what is
/// free. Nothing where that cannot be.
std::optional<std::uint64_t> stream_bytes(std::uint64_t cache, std::uint64_t available);

/// Stream read bandwidth: the pool's threads at once read anonymous memory of `bytes` bytes, each its own
/// stretch from front to back, and add it up; once per pass. Lines are asked for ahead of reading, as kernels
/// may do it, or not: as two passes of each, which do not count, were faster. Returns bytes per second of
/// each pass. The memory is given back. Throws Error where the system does not give it.
std::vector<double> measure_stream(ThreadPool& pool, std::uint64_t bytes, int passes);

}  // namespace yoke::rates
