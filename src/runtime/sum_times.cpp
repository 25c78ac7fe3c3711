#include "runtime/sum_times.h"

#include <chrono>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/seconds.h"
#include "base/statistics.h"
#include "comm/gather.h"

namespace yoke::runtime {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int rounds = 15;
// In place of a product that is as long as a message: a tenth of that of a layer of some billions.
constexpr double product_seconds = 60e-6;
constexpr double worth_it = 0.9;

/// What rank 0 tells the others.
struct Verdict {
  bool parts_pay = false;
};
void fields(auto& archive, Is<Verdict> auto& m) { archive(m.parts_pay); }

void compute_for(double seconds) {
  const Clock::time_point start = Clock::now();
  while (seconds_since(start) < seconds) continue;
}

/// Seconds of a product and of the sum after it.
double run_whole(comm::Comm& comm, std::span<float> x) {
  const Clock::time_point start = Clock::now();
  compute_for(product_seconds);
  comm.all_reduce(x);
  return seconds_since(start);
}

/// The same where the sum of the first half begins in the middle of the product.
double run_in_parts(comm::Comm& comm, std::span<float> x) {
  const Clock::time_point start = Clock::now();
  compute_for(product_seconds / 2);
  const comm::PendingSum first = comm.start_all_reduce(x.first(x.size() / 2));
  compute_for(product_seconds / 2);
  const comm::PendingSum second = comm.start_all_reduce(x.subspan(x.size() / 2));
  comm.finish(first);
  comm.finish(second);
  return seconds_since(start);
}

}  // namespace

SumTimes time_sums(comm::Comm& comm, std::size_t n) {
  std::vector<float> x(n);
  std::vector<double> whole, in_parts;
  for (int i = 0; i < rounds; ++i) {
    whole.push_back(run_whole(comm, x));
    in_parts.push_back(run_in_parts(comm, x));
  }
  const double at_once = median(whole), parts = median(in_parts);
  const Verdict mine{parts < worth_it * at_once};
  return {at_once - product_seconds, parts - product_seconds, comm::tell(comm, mine, 0).parts_pay};
}

}  // namespace yoke::runtime
