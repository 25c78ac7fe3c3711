#include "cli/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "text/utf8.h"

namespace yoke::cli {

std::string read_text_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(static_cast<bool>(file), "{}: cannot be opened: {}", name, last_system_error());
  std::string text;
  std::array<char, 1 << 16> buffer;
  while (true) {
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    require(n >= 0, "{}: cannot be read: {}", name, last_system_error());
    if (n == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  require(!text.empty(), "{}: is empty, expected some text", name);
  const std::size_t good = text::valid_prefix(text);
  require(good == text.size(), "{}: is not UTF-8: byte {} begins no character", name, good);
  return text;
}

}  // namespace yoke::cli
