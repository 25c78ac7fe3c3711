// Where in a layer's cache the pages of sequences lie.
#pragma once

#include <cstdint>

#include "ops/ops.h"

namespace yoke::ops::cpu {

/// The most pages that `positions` consecutive positions, at least one, lie in wherever they begin.
std::int64_t pages_touched(std::int64_t positions);

/// A layer that sees all positions keeps them where page tables say. One that sees a window of them needs no
/// more of a sequence at once than what a step stores and the window before it: that is a ring of pages for
/// each slot, in which page p of the slot's sequence lies at p % ring.
struct PageMap {
  std::int64_t pages = 0;  // of the cache
  std::int64_t ring = 0;   // pages of each slot's ring; 0: page tables say where pages lie

  /// Rings where these take less than all pages do. `window` as Ops::make_kv_cache's.
  static PageMap of(const CacheSize& size, std::int64_t window);

  /// The most pages of one sequence that a step stores to and reads.
  std::int64_t reach() const { return ring > 0 ? ring : pages; }
  /// Where page `page` of a sequence of the step lies.
  std::int64_t place(const Step& step, std::int32_t sequence, std::int64_t page) const {
    return ring > 0 ? step.slots[sequence] * ring + page % ring : step.page_tables[sequence][page];
  }
};

}  // namespace yoke::ops::cpu
