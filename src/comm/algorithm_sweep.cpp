#include "comm/algorithm_sweep.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "base/seconds.h"
#include "base/statistics.h"
#include "comm/gather.h"

namespace yoke::comm {
namespace {

// From what a token takes of a small model to what a long prompt takes. Close to each other where MPI begins
// to ask before it sends (64 KB): from there on another algorithm may be ten times faster, or slower.
constexpr std::array<std::uint64_t, 8> lengths{4096, 16384, 32768, 49152, 65536, 262144, 1048576, 4194304};
constexpr double most_seconds = 0.07;  // on a length, but for the least rounds
constexpr int least_rounds = 4;        // the first of which warms up
constexpr int most_rounds = 24;
constexpr double hopeless = 1.6;              // times the best: longer vectors are not tried
constexpr std::uint64_t bytes_count = 65536;  // from here on, not latencies
constexpr double worth_more =
    0.96;  // of the time of what is best for shorter ones, for another one to be taken

/// So many that the clock and the start do not count.
int sums_of(std::uint64_t bytes) { return bytes <= 65536 ? 8 : 1; }

/// What rank 0 tells the others.
struct Order {
  bool goes_on = false;
  Algorithm algorithm{};
  std::uint64_t bytes = 0;
  std::int32_t sums = 0;
};
void fields(auto& archive, Is<Order> auto& m) { archive(m.goes_on, m.algorithm, m.bytes, m.sums); }

/// And at the end.
struct Outcome {
  std::string choice;
};
void fields(auto& archive, Is<Outcome> auto& m) { archive(m.choice); }

}  // namespace

AlgorithmSweep::AlgorithmSweep(int ranks) {
  for (const Algorithm each : algorithms) {
    // Of two ranks each sends all it has to the other in both.
    if (ranks > 2 || each != Algorithm::doubling) candidates_.push_back({each, {}, false});
  }
}

std::optional<AlgorithmSweep::Trial> AlgorithmSweep::next() {
  if (length_ == lengths.size()) return std::nullopt;
  return trial();
}

AlgorithmSweep::Trial AlgorithmSweep::trial() const {
  const std::uint64_t bytes = lengths[length_];
  return {candidates_[candidate_].algorithm, bytes, sums_of(bytes)};
}

void AlgorithmSweep::record(double seconds) {
  spent_ += seconds;
  if (round_ > 0) candidates_[candidate_].seconds.push_back(seconds / trial().sums);
  do ++candidate_;
  while (candidate_ < candidates_.size() && candidates_[candidate_].is_out);
  if (candidate_ < candidates_.size()) return;
  ++round_;
  const bool enough = round_ >= most_rounds || (round_ >= least_rounds && spent_ >= most_seconds);
  if (enough) end_length();
  candidate_ = candidate_in_play();
}

std::size_t AlgorithmSweep::candidate_in_play() const {
  const auto found = std::find_if(candidates_.begin(), candidates_.end(),
                                  [](const Candidate& each) { return !each.is_out; });
  return static_cast<std::size_t>(found - candidates_.begin());
}

void AlgorithmSweep::end_length() {
  const auto time_of = [](const Candidate& each) { return median(each.seconds); };
  const Candidate* best = &candidates_[candidate_in_play()];
  for (const Candidate& each : candidates_) {
    if (!each.is_out && time_of(each) < time_of(*best)) best = &each;
  }
  const double fastest = time_of(*best);
  for (const Candidate& each : candidates_) {
    const bool was_best = !best_.empty() && best_.back().algorithm == each.algorithm;
    if (was_best && !each.is_out && fastest > worth_more * time_of(each)) best = &each;
  }
  best_.push_back({lengths[length_], best->algorithm});
  for (Candidate& each : candidates_) {
    // That with the fewest bytes is slower for short vectors only.
    const bool may_be = each.algorithm != Algorithm::pieces && lengths[length_] >= bytes_count;
    each.is_out = each.is_out || (may_be && time_of(each) > hopeless * fastest);
    each.seconds.clear();
  }
  ++length_;
  round_ = 0;
  spent_ = 0;
}

AlgorithmChoice AlgorithmSweep::choice() const {
  std::vector<AlgorithmChoice::From> ranges{{0, best_.front().algorithm}};
  for (std::size_t i = 1; i < best_.size(); ++i) {
    if (best_[i].algorithm == best_[i - 1].algorithm) continue;
    const double between =
        std::sqrt(static_cast<double>(best_[i - 1].bytes) * static_cast<double>(best_[i].bytes));
    ranges.push_back({static_cast<std::uint64_t>(between), best_[i].algorithm});
  }
  return AlgorithmChoice(std::move(ranges));
}

AlgorithmChoice measure_algorithms(Comm& comm) {
  AlgorithmSweep sweep(comm.size());
  std::vector<float> x(lengths.back() / sizeof(float));
  for (;;) {
    Order mine;
    if (const auto trial = comm.rank() == 0 ? sweep.next() : std::nullopt)
      mine = {true, trial->algorithm, trial->bytes, trial->sums};
    const Order order = tell(comm, mine, 0);
    if (!order.goes_on) break;
    comm.choose(AlgorithmChoice(order.algorithm));
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < order.sums; ++i)
      comm.all_reduce(std::span(x).first(std::min<std::size_t>(x.size(), order.bytes / sizeof(float))));
    if (comm.rank() == 0) sweep.record(seconds_since(start));
  }
  Outcome mine;
  if (comm.rank() == 0) mine.choice = sweep.choice().text();
  return AlgorithmChoice::parse(tell(comm, mine, 0).choice);
}

}  // namespace yoke::comm
