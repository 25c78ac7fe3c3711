#include "runtime/page_pool.h"

#include <cassert>

namespace yoke::runtime {

PagePool::PagePool(std::int32_t pages) : size_(pages) {
  for (std::int32_t page = pages; page-- > 0;) free_.push_back(page);
}

std::vector<std::int32_t> PagePool::take(std::int32_t n) {
  assert(n >= 0 && n <= available());
  std::vector<std::int32_t> taken(free_.rbegin(), free_.rbegin() + n);
  free_.resize(free_.size() - static_cast<std::size_t>(n));
  return taken;
}

void PagePool::give_back(const std::vector<std::int32_t>& pages) {
  free_.insert(free_.end(), pages.rbegin(), pages.rend());
  assert(available() <= size_);
}

}  // namespace yoke::runtime
