#include "ops/cpu/page_map.h"

#include <algorithm>

namespace yoke::ops::cpu {

PageMap PageMap::of(const CacheSize& size, std::int64_t window) {
  if (window == 0 || size.window_pages == 0) return {size.pages, size.pages_of_sequence(), false};
  // The first token of a step sees window − 1 positions before its own.
  const std::int64_t reach = std::min(size.window_pages, pages_touched(window - 1 + size.step_tokens));
  return {size.window_pages, reach, true};
}

}  // namespace yoke::ops::cpu
