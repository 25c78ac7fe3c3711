#include "hosts/run_folder.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/printable.h"
#include "hosts/folder_origin.h"

namespace yoke::hosts {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "yoke-";
constexpr std::size_t longest_name = 64;
constexpr std::size_t drawn_digits = 16;  // of a name that make_run_name() draws

bool is_hexadecimal(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_name && is_hexadecimal(text);
}

std::string random_digits(std::size_t count) {
  std::array<std::uint8_t, key_digits / 2> bytes{};
  require(::getrandom(bytes.data(), count / 2, 0) == static_cast<ssize_t>(count / 2),
          "the system gives no random bytes: {}", last_system_error());
  std::string digits;
  for (const std::uint8_t byte : std::span(bytes).first(count / 2)) digits += fmt::format("{:02x}", byte);
  return digits;
}

/// The open file's state, which must be ours and closed to others.
void require_private(const FileDescriptor& file, const fs::path& path, mode_t type) {
  struct stat status {};
  require(::fstat(file.get(), &status) == 0 && (status.st_mode & S_IFMT) == type &&
              status.st_uid == ::geteuid() && (status.st_mode & 077) == 0,
          "{} is there already and is not this user's alone; remove it", path.native());
}

FileDescriptor open_folder(const fs::path& path) {
  FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  require(static_cast<bool>(folder), "{} cannot be opened as a folder: {}", path.native(),
          last_system_error());
  require_private(folder, path, S_IFDIR);
  return folder;
}

std::string read_key_of(const FileDescriptor& file, const fs::path& path) {
  require_private(file, path, S_IFREG);
  std::array<char, key_digits + 2> text{};
  const ssize_t n = ::read(file.get(), text.data(), text.size());
  const std::string_view found(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  require(
      found.size() == key_digits + 1 && found.back() == '\n' && is_hexadecimal(found.substr(0, key_digits)),
      "{} holds no key; expected {} hexadecimal digits and a newline", path.native(), key_digits);
  return std::string(found.substr(0, key_digits));
}

/// False where it is there already. A file that cannot be written whole does not stay.
bool write_new(const FileDescriptor& folder, const fs::path& path, std::string_view text) {
  const std::string name = path.filename().native();
  const FileDescriptor file(
      ::openat(folder.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file && errno == EEXIST) return false;
  if (file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return true;
  const bool full = errno == ENOSPC || errno == EDQUOT;
  const std::string why = last_system_error();
  if (file) ::unlinkat(folder.get(), name.c_str(), 0);
  fail("{} cannot be written: {}{}", path.native(), why, full ? " (free some space there)" : "");
}

void write_key(const FileDescriptor& folder, const fs::path& path, std::string_view key) {
  if (write_new(folder, path, std::string(key) + "\n")) return;
  const FileDescriptor old(::openat(folder.get(), "key", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  require(static_cast<bool>(old), "{} cannot be read: {}", path.native(), last_system_error());
  require(read_key_of(old, path) == key, "{} holds the key of another run", path.native());
}

void fill(const fs::path& path, std::string_view key) {
  const FileDescriptor folder = open_folder(path);
  write_new(folder, path / "made", write_origin(read_origin()));
  write_key(folder, path / "key", key);
}

}  // namespace

std::string make_run_name() { return random_digits(drawn_digits); }
std::string make_key() { return random_digits(key_digits); }

fs::path run_folder(std::string_view name) {
  require(is_name(name), "'{}' is no name of a run; expected up to {} hexadecimal digits", printable(name),
          longest_name);
  return fmt::format("/tmp/{}{}", prefix, name);
}

std::optional<std::string> run_of_folder(std::string_view file_name) {
  if (!file_name.starts_with(prefix)) return std::nullopt;
  const std::string_view name = file_name.substr(prefix.size());
  return name.size() == drawn_digits && is_hexadecimal(name) ? std::optional(std::string(name))
                                                             : std::nullopt;
}

fs::path make_run_folder(std::string_view name, std::string_view key) {
  const fs::path path = run_folder(name);
  require(key.size() == key_digits && is_hexadecimal(key), "the key of a run is {} hexadecimal digits",
          key_digits);
  const bool made = ::mkdir(path.c_str(), 0700) == 0;
  require(made || errno == EEXIST, "{} cannot be made: {}", path.native(), last_system_error());
  try {
    fill(path, key);
  } catch (const Error&) {
    if (made) remove_run_folder(name);
    throw;
  }
  return path;
}

std::string read_key(const fs::path& file) {
  const FileDescriptor key(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  require(static_cast<bool>(key), "{} cannot be read: {}", file.native(), last_system_error());
  return read_key_of(key, file);
}

void remove_run_folder(std::string_view name) {
  const fs::path path = run_folder(name);
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) return;
  std::error_code ignored;  // what is left is in a folder that is ours alone
  fs::remove_all(path, ignored);
}

}  // namespace yoke::hosts
