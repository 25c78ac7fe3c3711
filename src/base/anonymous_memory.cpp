#include "base/anonymous_memory.h"

#include <sys/mman.h>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/topology.h"

namespace yoke {

namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t huge_page = std::uint64_t{2} << 20;

std::uint64_t rounded_up(std::uint64_t n, std::uint64_t to) { return (n + to - 1) / to * to; }

}  // namespace

AnonymousMemory::AnonymousMemory(std::uint64_t bytes) : bytes_(bytes) {
  // A huge page begins at a multiple of its size: what the system gives before and behind goes back.
  const std::uint64_t slack = bytes_ < huge_page ? 0 : huge_page - page;
  void* const given =
      ::mmap(nullptr, bytes_ + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(given != MAP_FAILED, "{} of memory are not to be had: {}", format_bytes(bytes_),
          last_system_error());
  const auto begin = reinterpret_cast<std::uintptr_t>(given);
  const std::uint64_t before = slack == 0 ? 0 : rounded_up(begin, huge_page) - begin;
  start_ = static_cast<std::byte*>(given) + before;
  if (before > 0) ::munmap(given, before);
  if (before < slack) {
    const std::uint64_t end = rounded_up(bytes_, page);
    const std::uint64_t all = rounded_up(bytes_ + slack, page);
    if (before + end < all) ::munmap(static_cast<std::byte*>(start_) + end, all - before - end);
  }
  ::madvise(start_, bytes_, MADV_HUGEPAGE);  // a wish
}

AnonymousMemory::~AnonymousMemory() { ::munmap(start_, bytes_); }

}  // namespace yoke
