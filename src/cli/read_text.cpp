#include "cli/read_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace yoke::cli {
namespace {

constexpr std::size_t step = std::size_t{1} << 16;

std::string read_all(int fd, const std::string& name, std::size_t max_bytes) {
  std::string text;
  while (text.size() <= max_bytes) {
    const std::size_t before = text.size();
    text.resize(before + step);
    const ssize_t got = read(fd, text.data() + before, step);
    if (got < 0 && errno == EINTR) {
      text.resize(before);
      continue;
    }
    require(got >= 0, "{}: {}", name, last_system_error());
    text.resize(before + static_cast<std::size_t>(got));
    if (got == 0) return text;
  }
  fail("{}: has more than {} bytes, which is the most that can be taken at once", name, max_bytes);
}

}  // namespace

std::string read_text(const std::string& path, std::size_t max_bytes) {
  if (path == "-") return read_all(STDIN_FILENO, "the standard input", max_bytes);
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(static_cast<bool>(file), "{}: {}", path, last_system_error());
  return read_all(file.get(), path, max_bytes);
}

}  // namespace yoke::cli
