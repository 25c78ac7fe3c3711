// The element types a GGUF tensor may have: one entry per format, found by number or by name.
// Quantised values come in blocks; a row is a whole number of blocks. The scalar conversions here are the
// reference that every kernel is tested against.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace yoke::quant {

/// Numbers as in the GGUF specification (ggml_type).
enum class Type : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
};

/// What is known of one type.
struct Format {
  Type type;
  std::string_view name;      // "Q8_0", as in file names
  std::int64_t block_values;  // values in a block; 1 for plain types
  std::size_t block_bytes;    // bytes of a block
  /// Blocks → float32; out.size() is a whole number of blocks and `in` holds exactly those. Null where the
  /// format is known but cannot be computed with.
  void (*dequantize)(std::span<const std::byte> in, std::span<float> out);
  /// float32 → blocks, round to nearest; sizes as above. Block formats take finite values only: the caller
  /// checks, this asserts. Null where there is no encoder.
  void (*quantize)(std::span<const float> in, std::span<std::byte> out);

  /// Bytes of `n` values; n is a whole number of blocks.
  std::size_t bytes(std::int64_t n) const { return static_cast<std::size_t>(n / block_values) * block_bytes; }
};

/// Null for a number that is no known type.
const Format* find_format(std::uint32_t number);
/// By name, any case ("q8_0", "Q8_0"); null when unknown.
const Format* find_format(std::string_view name);
/// The entry of a type; every enumerator has one.
const Format& format(Type type);
/// All entries, in order of their numbers.
std::span<const Format> formats();

}  // namespace yoke::quant
