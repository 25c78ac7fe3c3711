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

/// Pages are counted: several may hold one, and it is free when the last has dropped it. One of the holders
/// may keep it for others to come: what nobody else holds can be had back.
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

  /// As hold() and drop(), of a holder that keeps it; there is one at most.
  void keep(Page page);
  void drop_kept(Page page);
  /// Pages that are kept and have no other holder.
  std::int32_t only_kept() const { return only_kept_; }

 private:
  bool is_only_kept(Page page) const { return kept_[static_cast<std::size_t>(page)] && holders(page) == 1; }

  std::vector<std::int32_t> holders_;  // of each page
  std::vector<bool> kept_;             // likewise
  std::int32_t only_kept_ = 0;
  std::vector<Page> free_;  // the last is taken next
};

}  // namespace yoke::runtime
