// Sums over rows of logits, on all threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"

namespace yoke::runtime {

/// Of each row, the sum of add(row, part) over parts that make it up; `row` counts from the first. Of a few
/// rows each is cut, so that every thread has some of one. The order of addition must not matter.
template <class Sum, class Add>
std::vector<Sum> sum_rows(ThreadPool& pool, const std::vector<std::span<const float>>& rows, Add add) {
  if (rows.empty()) return {};
  const std::size_t cuts = std::max<std::size_t>(1, static_cast<std::size_t>(pool.size()) / rows.size());
  std::vector<Sum> parts(rows.size() * cuts);
  pool.split(std::ssize(parts), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const std::span<const float> row = rows[i / cuts];
      const std::size_t first = row.size() * (i % cuts) / cuts;
      const std::size_t last = row.size() * (i % cuts + 1) / cuts;
      parts[i] = add(i / cuts, row.subspan(first, last - first));
    }
  });
  std::vector<Sum> sums(rows.size());
  for (std::size_t i = 0; i < parts.size(); ++i) sums[i / cuts] += parts[i];
  return sums;
}

}  // namespace yoke::runtime
