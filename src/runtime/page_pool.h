// Who holds which page of the KV cache. Book-keeping only: the pages' storage is the backend's.
#pragma once

#include <cstdint>
#include <vector>

namespace yoke::runtime {

/// The number of a page.
using Page = std::int32_t;

/// The first position that the token at `position` sees, of the `window` positions that end with its own; 0
/// without a window.
constexpr std::int32_t first_seen(std::int32_t position, std::int32_t window) {
  return window == 0 || position < window ? 0 : position - window + 1;
}

/// Pages are counted: several may hold one, and it is free when the last has dropped it.
class PagePool {
 public:
  explicit PagePool(std::int32_t pages);

  std::int32_t size() const { return static_cast<std::int32_t>(holders_.size()); }
  std::int32_t available() const { return static_cast<std::int32_t>(free_.size()); }
  /// A free page, of which there is one, held once.
  Page take();
  /// Holds a page that is held already once more.
  void hold(Page page);
  void drop(Page page);
  std::int32_t holders(Page page) const { return holders_[static_cast<std::size_t>(page)]; }

 private:
  std::vector<std::int32_t> holders_;  // of each page
  std::vector<Page> free_;             // the last is taken next
};

}  // namespace yoke::runtime
