#include "gguf/encode.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/printable.h"
#include "gguf/header.h"
#include "gguf/wire.h"

namespace yoke::gguf {
namespace {

class Bytes {
 public:
  template <class T>
  void number(T value) {
    append(&value, sizeof(T));
  }
  void type(ValueType type) { number(static_cast<std::uint32_t>(type)); }
  void raw(std::string_view text) { append(text.data(), text.size()); }
  void string(std::string_view text) {
    number<std::uint64_t>(text.size());
    raw(text);
  }
  std::size_t size() const { return bytes_.size(); }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  void append(const void* start, std::size_t n) {
    if (n == 0) return;
    const std::size_t at = bytes_.size();
    bytes_.resize(at + n);
    std::memcpy(bytes_.data() + at, start, n);
  }

  std::vector<std::byte> bytes_;
};

struct KnownKey {
  std::string_view key;
  ValueType type;  // of the value, or of an array's elements
};
constexpr KnownKey known_keys[] = {
    {alignment_key, ValueType::u32},    {"tokenizer.ggml.token_type", ValueType::i32},
    {split_number_key, ValueType::u16}, {"tokenizer.ggml.scores", ValueType::f32},
    {split_count_key, ValueType::u16},  {split_tensors_key, ValueType::i32},
};

/// Encodes the value of one pair, its type first.
class ValueEncoder {
 public:
  ValueEncoder(Bytes& out, std::string_view key, std::string_view name) : out_(out), key_(key), name_(name) {}

  void operator()(bool x) const {
    out_.type(ValueType::boolean);
    out_.number<std::uint8_t>(x ? 1 : 0);
  }
  void operator()(const std::string& x) const {
    out_.type(ValueType::string);
    out_.string(x);
  }
  void operator()(const std::vector<bool>& values) const {
    array(ValueType::boolean, values.size());
    for (const bool x : values) out_.number<std::uint8_t>(x ? 1 : 0);
  }
  void operator()(const std::vector<std::string>& values) const {
    array(ValueType::string, values.size());
    for (const std::string& x : values) out_.string(x);
  }
  template <class Number>
  void operator()(Number x) const {
    const ValueType type = type_of(std::span<const Number>(&x, 1));
    out_.type(type);
    number(x, type);
  }
  template <class Number>
  void operator()(const std::vector<Number>& values) const {
    const ValueType type = type_of(std::span<const Number>(values));
    array(type, values.size());
    for (const Number x : values) number(x, type);
  }

 private:
  void array(ValueType element, std::size_t n) const {
    out_.type(ValueType::array);
    out_.type(element);
    out_.number<std::uint64_t>(n);
  }

  template <class Number>
  ValueType type_of(std::span<const Number> values) const {
    for (const KnownKey& known : known_keys) {
      if (known.key == key_) return known.type;
    }
    const auto all_fit = [values]<class Narrow>(Narrow) {
      return std::all_of(values.begin(), values.end(), [](Number x) { return std::in_range<Narrow>(x); });
    };
    if constexpr (std::is_same_v<Number, double>) {
      return ValueType::f32;
    } else if constexpr (std::is_unsigned_v<Number>) {
      return all_fit(std::uint32_t{}) ? ValueType::u32 : ValueType::u64;
    } else {
      return all_fit(std::int32_t{}) ? ValueType::i32 : ValueType::i64;
    }
  }

  template <class Number>
  void number(Number x, ValueType type) const {
    switch (type) {
      case ValueType::u16:
        return out_.number(exactly<std::uint16_t>(x));
      case ValueType::u32:
        return out_.number(exactly<std::uint32_t>(x));
      case ValueType::u64:
        return out_.number(exactly<std::uint64_t>(x));
      case ValueType::i32:
        return out_.number(exactly<std::int32_t>(x));
      case ValueType::i64:
        return out_.number(exactly<std::int64_t>(x));
      default:
        return out_.number(rounded(static_cast<double>(x)));
    }
  }

  template <class Narrow, class Number>
  Narrow exactly(Number x) const {
    if constexpr (std::is_integral_v<Number>) {
      if (std::in_range<Narrow>(x)) return static_cast<Narrow>(x);
    }
    fail("{}: the metadata key '{}' holds {}, expected {} integer of {} bits", name_, printable(key_), x,
         std::is_signed_v<Narrow> ? "a signed" : "an unsigned", 8 * sizeof(Narrow));
  }

  float rounded(double x) const {
    constexpr double largest = std::numeric_limits<float>::max();
    if (std::isfinite(x) && std::abs(x) > largest) {
      fail("{}: the metadata key '{}' holds {}, which float32 cannot hold", name_, printable(key_), x);
    }
    return static_cast<float>(x);
  }

  Bytes& out_;
  std::string_view key_;
  std::string_view name_;
};

std::uint64_t alignment_of(const Metadata& metadata, std::string_view name) {
  const std::int64_t alignment = metadata.integer_or(alignment_key, default_alignment);
  require(alignment > 0 && std::has_single_bit(static_cast<std::uint64_t>(alignment)),
          "{}: the metadata key '{}' is {}, expected a power of two", name, alignment_key, alignment);
  return static_cast<std::uint64_t>(alignment);
}

}  // namespace

EncodedHeader encode_header(const Metadata& metadata, std::span<const TensorSpec> tensors,
                            std::string_view name) {
  Bytes out;
  out.raw(magic);
  out.number(newest_version);
  out.number<std::uint64_t>(tensors.size());
  out.number<std::uint64_t>(metadata.all().size());
  for (const auto& [key, value] : metadata.all()) {
    out.string(key);
    std::visit(ValueEncoder(out, key, name), value);
  }

  const std::uint64_t alignment = alignment_of(metadata, name);
  std::uint64_t data_bytes = 0;  // below 2^62; a tensor's bytes are below 2^63: no sum overflows
  for (const TensorSpec& tensor : tensors) {
    const std::string where = fmt::format("{}: tensor '{}'", name, printable(tensor.name));
    const std::uint64_t bytes = tensor_bytes(tensor.type, tensor.shape, where);
    out.string(tensor.name);
    out.number(static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) {
      out.number(static_cast<std::uint64_t>(*size));
    }
    out.number(static_cast<std::uint32_t>(tensor.type));
    out.number(data_bytes);
    data_bytes = align_up(data_bytes + bytes, alignment);
    require(data_bytes < std::uint64_t{1} << 62, "{}: the file would be larger than 2^62 bytes", where);
  }
  const std::uint64_t header_bytes = out.size();
  return {out.take(), tensors.empty() ? header_bytes : align_up(header_bytes, alignment) + data_bytes};
}

}  // namespace yoke::gguf
