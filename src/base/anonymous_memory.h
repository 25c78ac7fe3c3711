// Memory straight from the system, for what is large and read in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace yoke {

/// Owns bytes that are 0 until they are written, in huge pages where the system has them. A page lies in the
/// memory nearest to the thread that first writes to it.
class AnonymousMemory {
 public:
  /// Throws Error where the system does not give that much.
  explicit AnonymousMemory(std::uint64_t bytes);
  ~AnonymousMemory();
  AnonymousMemory(const AnonymousMemory&) = delete;
  AnonymousMemory& operator=(const AnonymousMemory&) = delete;

  /// They begin at a page, from 2 MB on at a huge one.
  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(start_), bytes_}; }

 private:
  std::uint64_t bytes_;
  void* start_;
};

}  // namespace yoke
