#include "system/secret.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace yoke::system {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

/// 0 to 15; −1 if it is no digit.
int value_of(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

void require_private(const std::filesystem::path& path, const FileDescriptor& file) {
  struct stat status {};
  require(::fstat(file.get(), &status) == 0, "the key file {} cannot be read: {}", path.native(),
          last_system_error());
  require(S_ISREG(status.st_mode), "the key file {} is no regular file: make one with 'yoke key FILE'",
          path.native());
  require(status.st_uid == ::geteuid(),
          "the key file {} belongs to user {}, not to this process's user {}: take a copy of your own",
          path.native(), status.st_uid, ::geteuid());
  require((status.st_mode & (S_IRWXG | S_IRWXO)) == 0,
          "the key file {} is open to other users (mode {:o}): chmod 600 it, or make a new key if others may "
          "have read it",
          path.native(), status.st_mode & 07777);
}

/// The file's bytes, up to one more than a key's line has; how many they are.
std::size_t read_some(const std::filesystem::path& path, const FileDescriptor& file, std::span<char> into) {
  std::size_t have = 0;
  for (;;) {
    const ssize_t n = ::read(file.get(), into.data() + have, into.size() - have);
    require(n >= 0 || errno == EINTR, "the key file {} cannot be read: {}", path.native(),
            last_system_error());
    if (n > 0) have += static_cast<std::size_t>(n);
    if (n == 0 || have == into.size()) return have;
  }
}

bool write_all(const FileDescriptor& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file.get(), text.data(), text.size());
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

SecretText::~SecretText() { ::explicit_bzero(characters_.data(), characters_.size()); }

Secret::Secret(std::span<const std::uint8_t, size> bytes) {
  for (std::size_t i = 0; i < size; ++i) bytes_[i] = bytes[i];
}

Secret::~Secret() { ::explicit_bzero(bytes_.data(), bytes_.size()); }

Secret Secret::random() {
  Secret key;
  // So few bytes come whole or not at all, once the generator has been seeded.
  ssize_t n = 0;
  do n = ::getrandom(key.bytes_.data(), size, 0);
  while (n < 0 && errno == EINTR);
  require(n == static_cast<ssize_t>(size), "the system gives no random numbers for a key: {}",
          last_system_error());
  return key;
}

Secret Secret::parse(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  require(text.size() == SecretText::digits,
          "a key has {} characters where {} hexadecimal digits are expected", text.size(),
          SecretText::digits);
  Secret key;
  for (std::size_t i = 0; i < size; ++i) {
    const int high = value_of(text[2 * i]);
    const int low = value_of(text[2 * i + 1]);
    require(high >= 0 && low >= 0, "a key has a character that is no hexadecimal digit at {} or {}",
            2 * i + 1, 2 * i + 2);
    key.bytes_[i] = static_cast<std::uint8_t>(16 * high + low);
  }
  return key;
}

SecretText Secret::text() const {
  SecretText text;
  const auto characters = text.characters();
  for (std::size_t i = 0; i < size; ++i) {
    characters[2 * i] = hex_digits[bytes_[i] >> 4];
    characters[2 * i + 1] = hex_digits[bytes_[i] & 15];
  }
  characters.back() = '\n';
  return text;
}

void write_key_file(const std::filesystem::path& path, const Secret& key) {
  FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  require(static_cast<bool>(file) || errno != EEXIST,
          "{} exists already, and a key in use must not be replaced: choose another name, or remove it first",
          path.native());
  require(static_cast<bool>(file), "the key file {} cannot be made: {}", path.native(), last_system_error());
  // Whatever the umask has taken away.
  const bool written = ::fchmod(file.get(), S_IRUSR | S_IWUSR) == 0 && write_all(file, key.text().line()) &&
                       ::fsync(file.get()) == 0 && file.close();
  if (written) return;
  const std::string reason = last_system_error();
  ::unlink(path.c_str());
  fail("the key file {} cannot be written: {}", path.native(), reason);
}

Secret read_key_file(const std::filesystem::path& path) {
  // A named pipe must not be waited for.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  require(static_cast<bool>(file), "the key file {} cannot be opened: {}; 'yoke key FILE' makes one",
          path.native(), last_system_error());
  require_private(path, file);
  SecretText line;
  const std::size_t n = read_some(path, file, line.characters());
  char more = 0;
  require(
      read_some(path, file, {&more, 1}) == 0 && (n < line.characters().size() || line.line().back() == '\n'),
      "the key file {} is longer than the {} hexadecimal digits of a key: make one with 'yoke key FILE'",
      path.native(), SecretText::digits);
  try {
    return Secret::parse(line.line().substr(0, n));
  } catch (const Error& error) {
    fail("the key file {} holds no key: {}; 'yoke key FILE' makes one", path.native(), error.what());
  }
}

}  // namespace yoke::system
