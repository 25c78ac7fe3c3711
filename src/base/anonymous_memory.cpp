#include "base/anonymous_memory.h"

#include <sys/mman.h>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/topology.h"

namespace yoke {

AnonymousMemory::AnonymousMemory(std::uint64_t bytes) : bytes_(bytes) {
  start_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(start_ != MAP_FAILED, "{} of memory are not to be had: {}", format_bytes(bytes_),
          last_system_error());
  ::madvise(start_, bytes_, MADV_HUGEPAGE);  // a wish
}

AnonymousMemory::~AnonymousMemory() { ::munmap(start_, bytes_); }

}  // namespace yoke
