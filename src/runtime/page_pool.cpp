#include "runtime/page_pool.h"

#include <cassert>

namespace yoke::runtime {

PagePool::PagePool(std::int32_t pages) : holders_(static_cast<std::size_t>(pages), 0) {
  for (Page page = pages; page-- > 0;) free_.push_back(page);
}

Page PagePool::take() {
  assert(available() > 0);
  const Page page = free_.back();
  free_.pop_back();
  holders_[static_cast<std::size_t>(page)] = 1;
  return page;
}

void PagePool::hold(Page page) {
  assert(holders(page) > 0);
  ++holders_[static_cast<std::size_t>(page)];
}

void PagePool::drop(Page page) {
  assert(holders(page) > 0);
  if (--holders_[static_cast<std::size_t>(page)] == 0) free_.push_back(page);
}

}  // namespace yoke::runtime
