#include "cli/prompt_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "text/utf8.h"

namespace yoke::cli {
namespace {

constexpr std::size_t longest_mib = 64;  // of bytes: far more than any context holds

std::string read_all(int fd, const std::string& name) {
  std::string text;
  std::array<char, 65536> part{};
  while (true) {
    const ssize_t count = ::read(fd, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    require(count >= 0, "{} cannot be read: {}", name, last_system_error());
    if (count == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(count));
    require(text.size() <= longest_mib << 20, "{} is larger than {} MiB, more than any prompt may be", name,
            longest_mib);
  }
}

std::string read_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(static_cast<bool>(file), "{} cannot be opened: {}", path, last_system_error());
  return read_all(file.get(), path);
}

void remove_line_break(std::string& text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
}

}  // namespace

std::string read_prompt(const std::string& path) {
  const bool is_input = path == "-";
  const std::string name = is_input ? "standard input" : path;
  std::string text = is_input ? read_all(STDIN_FILENO, name) : read_file(path);
  require_utf8(text, name);
  remove_line_break(text);
  return text;
}

void require_utf8(const std::string& text, const std::string& name) {
  const std::size_t valid = text::valid_prefix(text);
  require(valid == text.size(), "{} is not UTF-8: byte {} of {} begins no character", name, valid + 1,
          text.size());
}

}  // namespace yoke::cli
