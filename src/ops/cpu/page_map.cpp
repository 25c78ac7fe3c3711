#include "ops/cpu/page_map.h"

namespace yoke::ops::cpu {

std::int64_t pages_touched(std::int64_t positions) {
  return (positions + page_positions - 2) / page_positions + 1;
}

PageMap PageMap::of(const CacheSize& size, std::int64_t window) {
  const PageMap tables{size.pages, 0};
  if (window == 0 || window / page_positions >= size.pages) return tables;
  // The first token of a step sees window − 1 positions before its own.
  const std::int64_t ring = pages_touched(window - 1 + size.step_tokens);
  return ring * size.slots < size.pages ? PageMap{ring * size.slots, ring} : tables;
}

}  // namespace yoke::ops::cpu
