// Reading the fields of a GGUF header one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/printable.h"
#include "gguf/header.h"

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

/// Reads a file from front to back and throws Error instead of going past its end.
class Cursor {
 public:
  Cursor(ReadStart read_start, std::uint64_t file_bytes, std::string_view file)
      : read_start_(std::move(read_start)), file_bytes_(file_bytes), file_(file) {}

  std::uint64_t offset() const { return at_; }
  std::uint64_t left() const { return file_bytes_ - at_; }

  /// The next `bytes` bytes, which are left, without passing over them; until the next call of any member.
  const std::byte* peek(std::uint64_t bytes) {
    if (bytes > start_.size() - at_) start_ = read_start_(at_ + bytes);
    return start_.data() + at_;
  }

  /// The next field, a little-endian number.
  template <class T>
  T number(const Field& field) {
    if (left() < sizeof(T)) {
      fail("{}: {} ({} bytes at offset {}) lies past the end of the file at byte {}", file_, field.text(),
           sizeof(T), at_, file_bytes_);
    }
    T value;
    std::memcpy(&value, peek(sizeof(T)), sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  /// A length and as many bytes.
  std::string string(const Field& field) {
    const std::uint64_t start = at_;
    const auto length = number<std::uint64_t>(field);
    if (length > left()) {
      fail("{}: {} at offset {} has a length of {} bytes, but only {} bytes of the file follow", file_,
           field.text(), start, length, left());
    }
    std::string text(reinterpret_cast<const char*>(peek(length)), length);
    at_ += length;
    return text;
  }

 private:
  ReadStart read_start_;
  std::span<const std::byte> start_;  // of the file, what is at hand
  std::uint64_t file_bytes_;
  std::string_view file_;
  std::uint64_t at_ = 0;
};

}  // namespace yoke::gguf
