// Which pages of the KV cache are free. Book-keeping only: the pages' storage is the backend's.
#pragma once

#include <cstdint>
#include <vector>

namespace yoke::runtime {

class PagePool {
 public:
  explicit PagePool(std::int32_t pages);

  std::int32_t size() const { return size_; }
  std::int32_t available() const { return static_cast<std::int32_t>(free_.size()); }
  /// Takes n pages; n ≤ available().
  std::vector<std::int32_t> take(std::int32_t n);
  /// Gives back pages that were taken.
  void give_back(const std::vector<std::int32_t>& pages);

 private:
  std::int32_t size_;
  std::vector<std::int32_t> free_;  // the last is taken next
};

}  // namespace yoke::runtime
