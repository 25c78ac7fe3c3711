#include "comm/comm.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <chrono>

#include "base/seconds.h"

namespace yoke::comm {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

void Comm::all_reduce(std::span<float> x, Wire wire) {
  if (size() == 1 || x.empty()) return;
  const ActivityScope exchanging(time(), Activity::exchange);
  const Clock::time_point start = Clock::now();
  const auto [bytes, last] = end(begin(x, wire));
  const double seconds = seconds_since(start);
  traffic_.seconds += seconds;
  count_waiting(bytes, last, seconds, true);
}

PendingSum Comm::start_all_reduce(std::span<float> x, Wire wire) {
  if (size() == 1 || x.empty()) return {};
  const ActivityScope exchanging(time(), Activity::exchange);
  const Clock::time_point start = Clock::now();
  const PendingSum sum = begin(x, wire);
  traffic_.seconds += seconds_since(start);
  return sum;
}

void Comm::finish(PendingSum sum) {
  if (sum.slot_ < 0) return;
  const ActivityScope exchanging(time(), Activity::exchange);
  const Clock::time_point start = Clock::now();
  const auto [bytes, last] = end(sum);
  const double seconds = seconds_since(start);
  traffic_.seconds += seconds;
  count_waiting(bytes, last, seconds, false);
}

void Comm::all_gather(std::span<const float> mine, std::span<const std::int64_t> counts,
                      std::span<float> all) {
  if (size() == 1) return do_all_gather(mine, counts, all);
  const ActivityScope exchanging(time(), Activity::exchange);
  const Clock::time_point start = Clock::now();
  do_all_gather(mine, counts, all);
  traffic_.seconds += seconds_since(start);
}

PendingSum Comm::begin(std::span<float> x, Wire wire) {
  const auto free = std::find(bytes_.begin(), bytes_.end(), 0U);
  assert(free != bytes_.end() && "more sums than may be under way");
  *free = bytes_on(wire, x.size());
  const int slot = static_cast<int>(free - bytes_.begin());
  ++pending_;
  ++traffic_.calls;
  traffic_.bytes += *free;
  do_start(slot, x, wire);
  return PendingSum(slot);
}

std::pair<std::size_t, int> Comm::end(PendingSum sum) {
  const int last = do_finish(sum.slot_);
  --pending_;
  return {std::exchange(bytes_[static_cast<std::size_t>(sum.slot_)], 0U), last};
}

/// Of the seconds that the caller has waited for a sum.
void Comm::count_waiting(std::size_t bytes, int last, double seconds, bool at_once) {
  double& fastest = fastest_[at_once ? 1 : 0][static_cast<std::size_t>(std::bit_width(bytes))];
  if (fastest == 0 || seconds < fastest) fastest = seconds;
  if (last < 0 || seconds <= fastest) return;
  waited_for_.resize(static_cast<std::size_t>(size()));
  waited_for_[static_cast<std::size_t>(last)] += seconds - fastest;
  time().move(Activity::exchange, Activity::waiting, seconds - fastest);
}

}  // namespace yoke::comm
