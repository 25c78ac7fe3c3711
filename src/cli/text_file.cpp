#include "cli/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/utf8.h"

namespace yoke::cli {
namespace {

std::string read_all(int fd, const std::string& name, std::size_t longest_mib) {
  std::string text;
  std::array<char, 65536> part{};
  while (true) {
    const ssize_t count = ::read(fd, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    require(count >= 0, "{}: cannot be read: {}", name, last_system_error());
    if (count == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(count));
    require(text.size() <= longest_mib << 20,
            "{}: is larger than {} MiB, which is the most that is taken at once", name, longest_mib);
  }
}

}  // namespace

std::string source_name(const std::string& path) { return path == "-" ? "standard input" : path; }

std::string read_text(const std::string& path, std::size_t longest_mib) {
  const std::string name = source_name(path);
  if (path == "-") return read_all(STDIN_FILENO, name, longest_mib);
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(static_cast<bool>(file), "{}: cannot be opened: {}", name, last_system_error());
  return read_all(file.get(), name, longest_mib);
}

void require_utf8(std::string_view text, std::string_view name) {
  const std::size_t valid = valid_prefix(text);
  require(valid == text.size(), "{}: is not UTF-8: byte {} of {} begins no character", name, valid + 1,
          text.size());
}

}  // namespace yoke::cli
