// Plain bytes between processes of the same build: numbers in the machine's own order, vectors and strings
// with their length in front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace yoke {

class ByteWriter {
 public:
  template <class T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    append(&value, sizeof value);
  }
  template <class T>
  void put_all(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    put<std::uint64_t>(values.size());
    append(values.data(), values.size_bytes());
  }
  void put_text(std::string_view text) { put_all(std::span(text.data(), text.size())); }

  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  void append(const void* data, std::size_t size) {
    if (size == 0) return;
    const std::size_t end = bytes_.size();
    bytes_.resize(end + size);
    std::memcpy(bytes_.data() + end, data, size);
  }
  std::vector<std::byte> bytes_;
};

/// Takes values off the front of a message. Every length is checked before it is used; a message that is too
/// short throws Error saying `what` it was meant to be.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, std::string_view what) : left_(bytes), what_(what) {}

  template <class T>
  T get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, cut(sizeof value).data(), sizeof value);
    return value;
  }
  template <class T>
  std::vector<T> get_all() {
    const std::uint64_t count = get<std::uint64_t>();
    require(count <= left_.size() / sizeof(T), "{} says it has {} values, but only {} bytes follow", what_,
            count, left_.size());
    std::vector<T> values(count);
    if (count > 0) std::memcpy(values.data(), cut(count * sizeof(T)).data(), count * sizeof(T));
    return values;
  }
  std::string get_text() {
    const std::vector<char> text = get_all<char>();
    return {text.begin(), text.end()};
  }

  bool empty() const { return left_.empty(); }

 private:
  std::span<const std::byte> cut(std::size_t size) {
    require(size <= left_.size(), "{} ends {} bytes early", what_, size - left_.size());
    const std::span<const std::byte> front = left_.first(size);
    left_ = left_.subspan(size);
    return front;
  }
  std::span<const std::byte> left_;
  std::string_view what_;
};

}  // namespace yoke
