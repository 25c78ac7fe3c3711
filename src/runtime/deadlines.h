// When requests that have a deadline must have ended. No clock: whoever has one says what time it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace yoke::runtime {

class Deadlines {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// The request has none yet.
  void set(std::uint64_t request, Time deadline);
  /// It has ended; it may have had none.
  void forget(std::uint64_t request);
  /// The request whose deadline came first, where that is over.
  std::optional<std::uint64_t> overdue(Time now) const;

 private:
  std::map<std::uint64_t, Time> deadlines_;
  std::set<std::pair<Time, std::uint64_t>> in_order_;
};

}  // namespace yoke::runtime
