// Where in a layer's cache the pages of sequences lie.
#pragma once

#include <cstdint>

#include "ops/ops.h"

namespace yoke::ops::cpu {

/// A layer that sees all positions keeps them where page tables say. One that sees a window of them has pages
/// of its own, which are free for others as soon as the window has left them, where the caches have such.
struct PageMap {
  std::int64_t pages = 0;  // of the cache
  std::int64_t reach = 0;  // the most pages of one sequence that a step stores to and reads
  bool windowed = false;   // whether window tables say where pages lie

  /// `window` as Ops::make_kv_cache's.
  static PageMap of(const CacheSize& size, std::int64_t window);

  /// Where page `page` of a sequence of the step lies.
  std::int64_t place(const Step& step, std::int32_t sequence, std::int64_t page) const {
    if (!windowed) return step.page_tables[sequence][page];
    const WindowTable& table = step.window_tables[sequence];
    return table.pages[page - table.first];
  }
};

}  // namespace yoke::ops::cpu
