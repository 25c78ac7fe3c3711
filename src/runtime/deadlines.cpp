#include "runtime/deadlines.h"

#include <cassert>

namespace yoke::runtime {

void Deadlines::set(std::uint64_t request, Time deadline) {
  assert(!deadlines_.contains(request));
  deadlines_.emplace(request, deadline);
  in_order_.emplace(deadline, request);
}

void Deadlines::forget(std::uint64_t request) {
  const auto found = deadlines_.find(request);
  if (found == deadlines_.end()) return;
  in_order_.erase({found->second, request});
  deadlines_.erase(found);
}

std::optional<std::uint64_t> Deadlines::overdue(Time now) const {
  if (in_order_.empty() || in_order_.begin()->first > now) return std::nullopt;
  return in_order_.begin()->second;
}

}  // namespace yoke::runtime
