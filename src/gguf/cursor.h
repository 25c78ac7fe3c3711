// Reading the fields of a GGUF header one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "gguf/printable.h"

namespace yoke::gguf {

/// Names a field of the header in a sentence; formatted only when there is something to say.
struct Field {
  std::string_view what;
  std::string_view of = {};                  // the key or the tensor it belongs to
  std::optional<std::uint64_t> number = {};  // or its number among its like, from 0

  std::string text() const {
    if (number) return fmt::format("{} {}", what, *number);
    return of.empty() ? std::string(what) : fmt::format("{} '{}'", what, printable(of));
  }
};

/// Reads bytes from front to back and throws Error instead of going past their end. Views only.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string_view file) : bytes_(bytes), file_(file) {}

  std::uint64_t offset() const { return at_; }
  std::uint64_t left() const { return bytes_.size() - at_; }

  /// The next field, a little-endian number.
  template <class T>
  T number(const Field& field) {
    if (left() < sizeof(T)) {
      fail("{}: {} ({} bytes at offset {}) lies past the end of the file at byte {}", file_, field.text(),
           sizeof(T), at_, bytes_.size());
    }
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  /// A length and as many bytes; the view points into the file.
  std::string_view string(const Field& field) {
    const std::uint64_t start = at_;
    const auto length = number<std::uint64_t>(field);
    if (length > left()) {
      fail("{}: {} at offset {} has a length of {} bytes, but only {} bytes of the file follow", file_,
           field.text(), start, length, left());
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
    at_ += length;
    return text;
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view file_;
  std::size_t at_ = 0;
};

}  // namespace yoke::gguf
