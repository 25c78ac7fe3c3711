#include "base/file_descriptor.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace yoke {

bool FileDescriptor::close() {
  const int fd = std::exchange(fd_, -1);
  return fd < 0 || ::close(fd) == 0;
}

std::string last_system_error() { return std::generic_category().message(errno); }

}  // namespace yoke
