// Constants of the GGUF file format that its reader and its writer share.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace yoke::gguf {

static_assert(std::endian::native == std::endian::little, "GGUF fields are read and written as they lie");

inline constexpr std::string_view magic = "GGUF";
inline constexpr std::uint32_t newest_version = 3;
inline constexpr std::uint64_t default_alignment = 32;
inline constexpr std::string_view alignment_key = "general.alignment";
inline constexpr int most_dimensions = 4;

// Keys of each file of a split model.
inline constexpr std::string_view split_number_key = "split.no";  // from 0
inline constexpr std::string_view split_count_key = "split.count";
inline constexpr std::string_view split_tensors_key = "split.tensors.count";  // of all files together

/// The type of a metadata value (gguf_metadata_value_type).
enum class ValueType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

/// `offset` up to the next multiple of `alignment`, a power of two; the caller knows that it does not
/// overflow.
constexpr std::uint64_t align_up(std::uint64_t offset, std::uint64_t alignment) {
  return (offset + alignment - 1) & ~(alignment - 1);
}

}  // namespace yoke::gguf
