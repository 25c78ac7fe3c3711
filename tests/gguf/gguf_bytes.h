// GGUF files made byte by byte for tests, right or wrong, without the code under test.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "common/scratch.h"

namespace yoke::gguf {

/// The bytes of a file, appended field by field.
class FileBytes {
 public:
  template <class T>
  FileBytes& number(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes_.append(raw, sizeof(T));
    return *this;
  }
  FileBytes& u8(std::uint8_t x) { return number(x); }
  FileBytes& u32(std::uint32_t x) { return number(x); }
  FileBytes& u64(std::uint64_t x) { return number(x); }
  FileBytes& raw(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  FileBytes& string(std::string_view text) { return u64(text.size()).raw(text); }
  FileBytes& zeros(std::size_t n) {
    bytes_.append(n, '\0');
    return *this;
  }
  FileBytes& align(std::size_t alignment) {
    return zeros((alignment - bytes_.size() % alignment) % alignment);
  }

  /// Magic, version, counts.
  FileBytes& start(std::uint64_t n_tensors, std::uint64_t n_pairs, std::uint32_t version = 3) {
    return raw("GGUF").u32(version).u64(n_tensors).u64(n_pairs);
  }
  /// A tensor's entry; dimensions as in the file, innermost first.
  FileBytes& tensor(std::string_view name, const std::vector<std::uint64_t>& dimensions, std::uint32_t type,
                    std::uint64_t offset) {
    string(name).u32(static_cast<std::uint32_t>(dimensions.size()));
    for (const std::uint64_t size : dimensions) u64(size);
    return u32(type).u64(offset);
  }
  /// A pair whose value is a uint32.
  FileBytes& pair_u32(std::string_view key, std::uint32_t value) { return string(key).u32(4).u32(value); }

  std::size_t size() const { return bytes_.size(); }
  const std::string& text() const { return bytes_; }
  std::span<const std::byte> span() const { return std::as_bytes(std::span(bytes_)); }

 private:
  std::string bytes_;
};

/// The sentence that `action` throws as Error, or a note that it threw none.
template <class Action>
std::string sentence_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

}  // namespace yoke::gguf
