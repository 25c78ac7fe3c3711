// Structs as plain bytes, between processes of the same protocol version. Numbers are little-endian; a string
// or list is its 32-bit count, then its elements.
//
// The fields of a struct are named once, for writing and for reading, by a function beside it:
//
//   void fields(auto& archive, Is<Point> auto& point) { archive(point.x, point.y); }
//
// An enumeration names its last value, so that nothing beyond it is read:
//
//   constexpr Colour last_enumerator(Colour) { return Colour::blue; }
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"

namespace yoke {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in memory");

/// A struct that fields() writes (constant) or reads.
template <class Archived, class Struct>
concept Is = std::is_same_v<std::remove_const_t<Archived>, Struct>;

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;
template <class T>
concept Enumeration = std::is_enum_v<T>;
template <class T>
concept Struct = std::is_class_v<T>;

class ByteWriter {
 public:
  template <class... Fields>
  void operator()(const Fields&... values) {
    (put(values), ...);
  }

  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  void put_raw(const void* data, std::size_t size) {
    if (size == 0) return;
    bytes_.resize(bytes_.size() + size);
    std::memcpy(bytes_.data() + bytes_.size() - size, data, size);
  }
  void put_count(std::size_t count) {
    require(count <= std::numeric_limits<std::uint32_t>::max(), "a list of {} elements is too long to send",
            count);
    put(static_cast<std::uint32_t>(count));
  }
  void put(const Number auto& value) { put_raw(&value, sizeof value); }
  void put(const bool& value) { put(static_cast<std::uint8_t>(value)); }
  void put(const Enumeration auto& value) { put(static_cast<std::uint8_t>(value)); }
  void put(const std::string& value) {
    put_count(value.size());
    put_raw(value.data(), value.size());
  }
  template <Number T, std::size_t n>
  void put(const std::array<T, n>& values) {
    put_raw(values.data(), sizeof values);
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put_count(list.size());
    if constexpr (Number<T>) {
      put_raw(list.data(), list.size() * sizeof(T));
    } else {
      for (const T& element : list) put(element);
    }
  }
  void put(const Struct auto& value) { fields(*this, value); }

  std::vector<std::byte> bytes_;
};

/// Takes fields off the front of a message. Every count is checked against the bytes that are left before it
/// is used; a message that ends early or holds what cannot be throws Error, naming it by `what`, which
/// outlives the reader.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, std::string_view what) : left_(bytes), what_(what) {}

  template <class... Fields>
  void operator()(Fields&... values) {
    (get(values), ...);
  }
  /// Throws Error unless all has been read.
  void end() const { require(left_.empty(), "{} has {} bytes too many", what_, left_.size()); }

 private:
  void get_raw(void* to, std::size_t size) {
    require(size <= left_.size(), "{} ends after {} of the {} bytes of a field", what_, left_.size(), size);
    if (size != 0) std::memcpy(to, left_.data(), size);
    left_ = left_.subspan(size);
  }
  /// A count whose elements take at least `element_bytes` each, so that a lying one cannot take memory.
  std::size_t get_count(std::size_t element_bytes) {
    std::uint32_t count = 0;
    get(count);
    require(count <= left_.size() / element_bytes, "{} announces {} elements in its last {} bytes", what_,
            count, left_.size());
    return count;
  }
  void get(Number auto& value) { get_raw(&value, sizeof value); }
  void get(bool& value) {
    std::uint8_t raw = 0;
    get(raw);
    require(raw <= 1, "{} has {} where a yes or no is expected", what_, raw);
    value = raw == 1;
  }
  template <Enumeration T>
  void get(T& value) {
    std::uint8_t raw = 0;
    get(raw);
    const auto last = static_cast<std::uint8_t>(last_enumerator(T{}));
    require(raw <= last, "{} has choice {} where the last is {}", what_, raw, last);
    value = static_cast<T>(raw);
  }
  void get(std::string& value) {
    value.resize(get_count(1));
    get_raw(value.data(), value.size());
  }
  template <Number T, std::size_t n>
  void get(std::array<T, n>& values) {
    get_raw(values.data(), sizeof values);
  }
  template <class T>
  void get(std::vector<T>& list) {
    if constexpr (Number<T>) {
      list.resize(get_count(sizeof(T)));
      get_raw(list.data(), list.size() * sizeof(T));
    } else {
      // Every struct that is sent in lists starts with four bytes, a string or a list with its count.
      for (std::size_t left = get_count(4); left > 0; --left) get(list.emplace_back());
    }
  }
  void get(Struct auto& value) { fields(*this, value); }

  std::span<const std::byte> left_;
  std::string_view what_;
};

}  // namespace yoke
