#include "gguf/header.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/printable.h"
#include "gguf/cursor.h"
#include "gguf/wire.h"

namespace yoke::gguf {
namespace {

// The fewest bytes that a metadata pair (key length and one letter, value type, one byte of value) and a
// tensor's entry (name length and one letter, dimension count, one dimension, type, offset) can have.
constexpr std::uint64_t smallest_pair = 8 + 1 + 4 + 1;
constexpr std::uint64_t smallest_tensor = 8 + 1 + 4 + 8 + 4 + 8;

constexpr std::uint64_t smallest_alignment = 8;
constexpr std::uint64_t largest_alignment = std::uint64_t{1} << 31;

/// Bytes that one array element takes at least.
std::uint64_t smallest_element(ValueType type) {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    default:
      return 8;
  }
}

class HeaderParser {
 public:
  HeaderParser(const ReadStart& read_start, std::uint64_t file_bytes, std::string_view file)
      : file_bytes_(file_bytes), file_(file), cursor_(read_start, file_bytes, file) {
    header_.metadata = Metadata(file);
  }

  Header parse() {
    check_magic();
    header_.version = version();
    const std::uint64_t n_tensors = count({"the tensor count"}, smallest_tensor);
    const std::uint64_t n_pairs = count({"the metadata count"}, smallest_pair);
    for (std::uint64_t i = 0; i < n_pairs; ++i) read_pair(i);
    for (std::uint64_t i = 0; i < n_tensors; ++i) read_tensor(i);
    place_tensors();
    refuse_duplicate_tensors();
    refuse_overlaps();
    return std::move(header_);
  }

 private:
  void check_magic() {
    require(file_bytes_ > 0, "{}: is empty, expected a GGUF file", file_);
    const std::uint64_t length = std::min<std::uint64_t>(file_bytes_, magic.size());
    const std::string_view found(reinterpret_cast<const char*>(cursor_.peek(length)), length);
    require(found == magic, "{}: is not a GGUF file: it starts with \"{}\", expected \"{}\"", file_,
            printable(found), magic);
  }

  std::uint32_t version() {
    cursor_.number<std::uint32_t>({"the magic number"});
    const std::uint64_t at = cursor_.offset();
    const auto version = cursor_.number<std::uint32_t>({"the version"});
    require(version == 0 || (version & 0xffffu) != 0,
            "{}: is a big-endian GGUF file (its version at offset {} reads {:#010x}), expected little-endian",
            file_, at, version);
    require(version != 1,
            "{}: is a GGUF file of version 1 (offset {}), expected version 2 or 3: convert the model again",
            file_, at);
    require(version == 2 || version == newest_version,
            "{}: is a GGUF file of version {} (offset {}), expected version 2 or 3", file_, version, at);
    return version;
  }

  /// How many entries of at least `smallest` bytes follow; so many bytes are at hand then.
  std::uint64_t count(const Field& field, std::uint64_t smallest) {
    const std::uint64_t at = cursor_.offset();
    const auto n = cursor_.number<std::uint64_t>(field);
    const std::uint64_t most = cursor_.left() / smallest;
    if (n > most) {
      fail("{}: {} at offset {} is {}, but the {} bytes of the file that follow hold at most {}", file_,
           field.text(), at, n, cursor_.left(), most);
    }
    cursor_.peek(n * smallest);
    return n;
  }

  void read_pair(std::uint64_t number) {
    const std::uint64_t at = cursor_.offset();
    const std::string key = cursor_.string({"metadata key", {}, number});
    require(!key.empty(), "{}: metadata key {} at offset {} is empty", file_, number, at);
    if (header_.metadata.has(key)) {
      fail("{}: the metadata key '{}' at offset {} occurs twice", file_, printable(key), at);
    }
    const std::uint64_t value_at = cursor_.offset();
    Value value = read_value(key);
    if (key == alignment_key) set_alignment(value, value_at);
    header_.metadata.set(key, std::move(value));
  }

  void set_alignment(const Value& value, std::uint64_t at) {
    const auto* const held = std::get_if<std::uint64_t>(&value);
    require(held != nullptr && *held >= smallest_alignment && *held <= largest_alignment &&
                std::has_single_bit(*held),
            "{}: the value of '{}' at offset {} is {}, expected an unsigned power of two from {} to {}",
            file_, alignment_key, at, describe(value), smallest_alignment, largest_alignment);
    alignment_ = *held;
  }

  ValueType value_type(const Field& field) {
    const std::uint64_t at = cursor_.offset();
    const auto type = cursor_.number<std::uint32_t>(field);
    constexpr auto last = static_cast<std::uint32_t>(ValueType::f64);
    if (type > last) fail("{}: {} at offset {} is {}, expected 0 to {}", file_, field.text(), at, type, last);
    return static_cast<ValueType>(type);
  }

  Value read_value(std::string_view key) {
    const ValueType type = value_type({"the value type of", key});
    if (type != ValueType::array) return read_values(type, std::nullopt, key);
    const ValueType element = value_type({"the element type of", key});
    return read_values(element, count({"the element count of", key}, smallest_element(element)), key);
  }

  /// A single value where there is no count, otherwise an array of as many.
  Value read_values(ValueType type, std::optional<std::uint64_t> n, std::string_view key) {
    switch (type) {
      case ValueType::u8:
        return widened<std::uint8_t, std::uint64_t>(n, key);
      case ValueType::i8:
        return widened<std::int8_t, std::int64_t>(n, key);
      case ValueType::u16:
        return widened<std::uint16_t, std::uint64_t>(n, key);
      case ValueType::i16:
        return widened<std::int16_t, std::int64_t>(n, key);
      case ValueType::u32:
        return widened<std::uint32_t, std::uint64_t>(n, key);
      case ValueType::i32:
        return widened<std::int32_t, std::int64_t>(n, key);
      case ValueType::u64:
        return widened<std::uint64_t, std::uint64_t>(n, key);
      case ValueType::i64:
        return widened<std::int64_t, std::int64_t>(n, key);
      case ValueType::f32:
        return widened<float, double>(n, key);
      case ValueType::f64:
        return widened<double, double>(n, key);
      case ValueType::boolean:
        return one_or_many<bool>(n, [&] { return read_boolean(key); });
      case ValueType::string:
        return one_or_many<std::string>(n, [&] { return cursor_.string({"a string of", key}); });
      case ValueType::array:
        break;
    }
    fail("{}: the elements of '{}' at offset {} are arrays themselves, expected plain values", file_,
         printable(key), cursor_.offset());
  }

  template <class Wire, class Wide>
  Value widened(std::optional<std::uint64_t> n, std::string_view key) {
    return one_or_many<Wide>(n, [&] {
      return static_cast<Wide>(cursor_.number<Wire>({"the value of", key}));
    });
  }

  template <class Wide, class ReadOne>
  static Value one_or_many(std::optional<std::uint64_t> n, ReadOne read_one) {
    if (!n) return Wide(read_one());
    std::vector<Wide> values;
    values.reserve(*n);
    for (std::uint64_t i = 0; i < *n; ++i) values.push_back(read_one());
    return values;
  }

  bool read_boolean(std::string_view key) {
    const std::uint64_t at = cursor_.offset();
    const auto byte = cursor_.number<std::uint8_t>({"the value of", key});
    if (byte > 1) {
      fail("{}: the value of '{}' at offset {} is a boolean of {}, expected 0 or 1", file_, printable(key),
           at, byte);
    }
    return byte == 1;
  }

  std::string where(std::string_view tensor, std::uint64_t at) const {
    return fmt::format("{}: tensor '{}' (header offset {})", file_, printable(tensor), at);
  }

  void read_tensor(std::uint64_t number) {
    const std::uint64_t at = cursor_.offset();
    TensorInfo tensor;
    tensor.name = cursor_.string({"tensor name", {}, number});
    require(!tensor.name.empty(), "{}: tensor name {} at offset {} is empty", file_, number, at);
    const std::string place = where(tensor.name, at);
    tensor.shape = read_shape(tensor.name, place);

    const std::uint64_t type_at = cursor_.offset();
    const auto type = cursor_.number<std::uint32_t>({"the type of tensor", tensor.name});
    const quant::Format* const format = quant::find_format(type);
    require(format != nullptr, "{}: its type at offset {} is {}, which is no known type", place, type_at,
            type);
    tensor.type = format->type;
    tensor.bytes = tensor_bytes(tensor.type, tensor.shape, place);

    const std::uint64_t offset_at = cursor_.offset();
    tensor.offset = cursor_.number<std::uint64_t>({"the data offset of tensor", tensor.name});
    require(tensor.offset % alignment_ == 0,
            "{}: its data offset at offset {} is {}, expected a multiple of the alignment {}", place,
            offset_at, tensor.offset, alignment_);
    header_.tensors.push_back(std::move(tensor));
    tensors_at_.push_back(at);
  }

  std::vector<std::int64_t> read_shape(std::string_view tensor, std::string_view place) {
    const std::uint64_t count_at = cursor_.offset();
    const auto n = cursor_.number<std::uint32_t>({"the dimension count of tensor", tensor});
    require(n >= 1 && n <= most_dimensions, "{}: its dimension count at offset {} is {}, expected 1 to {}",
            place, count_at, n, most_dimensions);
    std::vector<std::int64_t> shape(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::uint64_t at = cursor_.offset();
      const auto size = cursor_.number<std::uint64_t>({"a dimension of tensor", tensor});
      require(size >= 1 && size <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()),
              "{}: its dimension at offset {} is {}, expected 1 to 2^63 - 1", place, at, size);
      shape[n - 1 - i] = static_cast<std::int64_t>(size);  // the file lists the innermost first
    }
    return shape;
  }

  /// Turns offsets within the data into offsets within the file, and checks that all data lies in it. Where
  /// there are no tensors the data may start past the end: such a file needs no padding.
  void place_tensors() {
    const std::uint64_t data_start = align_up(cursor_.offset(), alignment_);
    const std::uint64_t available = file_bytes_ - std::min(file_bytes_, data_start);
    for (std::size_t i = 0; i < header_.tensors.size(); ++i) {
      TensorInfo& tensor = header_.tensors[i];
      if (tensor.offset > available) {
        fail(
            "{}: its data would start at data offset {}, but the data of the file, from byte {} on, has {} "
            "bytes",
            where(tensor.name, tensors_at_[i]), tensor.offset, data_start, available);
      }
      if (tensor.bytes > available - tensor.offset) {
        fail("{}: its data would end at byte {} but the file has {} bytes",
             where(tensor.name, tensors_at_[i]), data_start + tensor.offset + tensor.bytes, file_bytes_);
      }
      tensor.offset += data_start;
    }
  }

  /// The tensors' indices in the order that `before` puts them, the header's order among equals.
  template <class Before>
  std::vector<std::size_t> sorted_indices(Before before) const {
    std::vector<std::size_t> order(header_.tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      const TensorInfo& first = header_.tensors[a];
      const TensorInfo& second = header_.tensors[b];
      return before(first, second) || (!before(second, first) && a < b);
    });
    return order;
  }

  void refuse_duplicate_tensors() const {
    const auto order =
        sorted_indices([](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const TensorInfo& tensor = header_.tensors[order[i]];
      if (header_.tensors[order[i - 1]].name == tensor.name) {
        fail("{}: its name occurs twice, first at offset {}", where(tensor.name, tensors_at_[order[i]]),
             tensors_at_[order[i - 1]]);
      }
    }
  }

  void refuse_overlaps() const {
    const auto order =
        sorted_indices([](const TensorInfo& a, const TensorInfo& b) { return a.offset < b.offset; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const TensorInfo& before = header_.tensors[order[i - 1]];
      const TensorInfo& tensor = header_.tensors[order[i]];
      if (tensor.offset < before.offset + before.bytes) {
        fail("{}: its data starts at byte {}, within the data of '{}', which ends at byte {}",
             where(tensor.name, tensors_at_[order[i]]), tensor.offset, printable(before.name),
             before.offset + before.bytes);
      }
    }
  }

  std::uint64_t file_bytes_;
  std::string_view file_;
  Cursor cursor_;
  std::uint64_t alignment_ = default_alignment;
  Header header_;
  std::vector<std::uint64_t> tensors_at_;  // header offset of each tensor's entry
};

}  // namespace

std::int64_t TensorInfo::values() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::string TensorInfo::shape_text() const { return gguf::shape_text(shape); }

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return text + ")";
}

std::uint64_t tensor_bytes(quant::Type type, std::span<const std::int64_t> shape, std::string_view where) {
  require(!shape.empty() && shape.size() <= most_dimensions, "{}: it has {} dimensions, expected 1 to {}",
          where, shape.size(), most_dimensions);
  const quant::Format& format = quant::format(type);
  std::int64_t values = 1;
  for (const std::int64_t size : shape) {
    if (size < 1) fail("{}: its shape is {}, expected dimensions of at least 1", where, shape_text(shape));
    if (__builtin_mul_overflow(values, size, &values)) {
      fail("{}: its shape {} has more than 2^63 - 1 values", where, shape_text(shape));
    }
  }
  require(shape.back() % format.block_values == 0,
          "{}: its rows have {} values, expected whole {} blocks of {}", where, shape.back(), format.name,
          format.block_values);
  std::int64_t bytes = 0;
  const auto block_bytes = static_cast<std::int64_t>(format.block_bytes);
  if (__builtin_mul_overflow(values / format.block_values, block_bytes, &bytes)) {
    fail("{}: its shape {} takes more than 2^63 - 1 bytes", where, shape_text(shape));
  }
  return static_cast<std::uint64_t>(bytes);
}

Header parse_header(std::span<const std::byte> file, std::string_view name) {
  return parse_header(file, file.size(), name);
}

Header parse_header(std::span<const std::byte> start, std::uint64_t file_bytes, std::string_view name) {
  assert(start.size() <= file_bytes);
  const auto whole_start = [&]([[maybe_unused]] std::uint64_t bytes) {
    assert(bytes <= start.size());
    return start;
  };
  return parse_header(whole_start, file_bytes, name);
}

Header parse_header(const ReadStart& read_start, std::uint64_t file_bytes, std::string_view name) {
  return HeaderParser(read_start, file_bytes, name).parse();
}

}  // namespace yoke::gguf
