#include "runtime/forms.h"

#include <algorithm>
#include <limits>

namespace yoke::runtime {
namespace {

/// The first of them that begins behind `position`.
auto behind(const std::vector<Stretch>& stretches, std::int32_t position) {
  return std::upper_bound(stretches.begin(), stretches.end(), position,
                          [](std::int32_t at, const Stretch& each) { return at < each.first; });
}

}  // namespace

Forms::Forms(std::span<const Stretch> given, std::int32_t cell) {
  if (cell == 0) return;
  for (const Stretch& each : given) {
    const Stretch whole{(each.first + cell - 1) / cell * cell, each.end / cell * cell};
    if (whole.first < whole.end) expanded_.push_back(whole);
  }
}

std::int32_t Forms::expanded_below(std::int32_t position) const {
  const auto next = behind(expanded_, position);
  return next == expanded_.begin() ? 0 : std::prev(next)->end;
}

std::int32_t Forms::next_change(std::int32_t position) const {
  const auto next = behind(expanded_, position);
  return next == expanded_.end() ? std::numeric_limits<std::int32_t>::max() : next->first;
}

}  // namespace yoke::runtime
