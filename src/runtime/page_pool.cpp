#include "runtime/page_pool.h"

#include <cassert>

namespace yoke::runtime {

PagePool::PagePool(std::int32_t pages)
    : holders_(static_cast<std::size_t>(pages), 0), kept_(holders_.size(), false) {
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
  if (is_only_kept(page)) --only_kept_;
  ++holders_[static_cast<std::size_t>(page)];
}

void PagePool::drop(Page page) {
  assert(holders(page) > 0);
  if (--holders_[static_cast<std::size_t>(page)] == 0) free_.push_back(page);
  assert(holders(page) > 0 || !kept_[static_cast<std::size_t>(page)]);
  if (is_only_kept(page)) ++only_kept_;
}

void PagePool::keep(Page page) {
  assert(!kept_[static_cast<std::size_t>(page)]);
  hold(page);
  kept_[static_cast<std::size_t>(page)] = true;
}

void PagePool::drop_kept(Page page) {
  assert(kept_[static_cast<std::size_t>(page)]);
  if (is_only_kept(page)) --only_kept_;
  kept_[static_cast<std::size_t>(page)] = false;
  drop(page);
}

}  // namespace yoke::runtime
