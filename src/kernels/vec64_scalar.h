// Sixty-four bytes and their products with bytes of an activation, in plain C++: the meaning of what
// vec64_avx2.h, vec64_avx512.h and vec64_neon.h repeat with their instructions. See vec_scalar.h for the
// rules.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/vec_scalar.h"

namespace yoke::kernels {
namespace {

/// Panels × tokens of a tile of a product of many tokens, whose sums are in registers; fewer tokens where
/// there is a scale for every 16 columns, more where floats are multiplied.
/// The same where tokens are few and weights are read once, and of how many tokens integers are summed at a
/// time.
constexpr int tile_panels = 1, tile_tokens = 1, tile_tokens_by_halves = 1, float_tile_tokens = 1;
constexpr int gemv_panels = 1, gemv_tokens = 1, gemv_tile = 1, gemv_tile_by_halves = 1;
/// Panels at once, where Gemv::ahead multiplies one token, of weights that are bytes: those need few
/// registers.
constexpr int gemv_panels_of_bytes = 1;
/// For more tokens than these, weights are unpacked.
constexpr int gemv_most = 8;

inline I32x16 operator*(I32x16 a, I32x16 b) {
  for (int i = 0; i < 16; ++i) a.lane[i] *= b.lane[i];
  return a;
}
/// Rounded to nearest.
inline F32x16 to_float(I32x16 a) {
  F32x16 out;
  for (int i = 0; i < 16; ++i) out.lane[i] = static_cast<float>(static_cast<std::int32_t>(a.lane[i]));
  return out;
}
/// Sixteen signed, or unsigned, bytes.
inline I32x16 widened_i8(U8x16 bytes) {
  I32x16 out;
  for (int i = 0; i < 16; ++i)
    out.lane[i] = static_cast<std::uint32_t>(std::int32_t{static_cast<std::int8_t>(bytes.lane[i])});
  return out;
}
inline I32x16 widened_u8(U8x16 bytes) {
  I32x16 out;
  for (int i = 0; i < 16; ++i) out.lane[i] = bytes.lane[i];
  return out;
}
inline I32x16 load_i32(const std::int32_t* from) {
  I32x16 out;
  __builtin_memcpy(out.lane, from, sizeof out.lane);
  return out;
}
inline void store_i32(I32x16 a, std::int32_t* to) { __builtin_memcpy(to, a.lane, sizeof a.lane); }
/// The lowest byte of each.
inline void store_low_bytes(I32x16 a, std::int8_t* to) {
  for (int i = 0; i < 16; ++i) to[i] = static_cast<std::int8_t>(a.lane[i] & 0xff);
}
/// The sum of all lanes.
inline std::int32_t reduce_add(I32x16 a) {
  std::uint32_t sum = 0;
  for (const std::uint32_t each : a.lane) sum += each;
  return static_cast<std::int32_t>(sum);
}

/// Sixteen bytes of which the first eight are read, each for two rows: low half for row i, high half for row
/// i + 8.
inline U8x16 spread_halves(const std::byte* from) {
  U8x16 out;
  for (int i = 0; i < 8; ++i) {
    const int both = static_cast<int>(from[i]);
    out.lane[i] = static_cast<std::uint8_t>(both & 15);
    out.lane[i + 8] = static_cast<std::uint8_t>(both >> 4);
  }
  return out;
}

/// Four bits each, the lowest first.
inline U8x16 nibbles_of(std::uint64_t plane) {
  U8x16 out;
  for (int i = 0; i < 16; ++i) out.lane[i] = static_cast<std::uint8_t>(plane >> (4 * i) & 15);
  return out;
}

struct U8x64 {
  std::uint8_t lane[64];

  static U8x64 load(const std::byte* from) {
    U8x64 out;
    __builtin_memcpy(out.lane, from, sizeof out.lane);
    return out;
  }
  void store(std::byte* to) const { __builtin_memcpy(to, lane, sizeof lane); }
  /// `count` bits of every byte, from bit `from` on, moved to bit `to`; all other bits are 0.
  template <int from, int count, int to = 0>
  U8x64 field() const {
    U8x64 out;
    for (int i = 0; i < 64; ++i)
      out.lane[i] = static_cast<std::uint8_t>((lane[i] >> from & ((1 << count) - 1)) << to);
    return out;
  }
  /// table[i] for every byte i < 16.
  U8x64 look_up(const std::uint8_t (&table)[16]) const {
    U8x64 out;
    for (int i = 0; i < 64; ++i) out.lane[i] = table[lane[i]];
    return out;
  }
  /// 8 more in every byte whose bit is set; all are below 8.
  U8x64 plus_eight(std::uint64_t bits) const {
    U8x64 out;
    for (int i = 0; i < 64; ++i) out.lane[i] = static_cast<std::uint8_t>(lane[i] | (bits >> i & 1) << 3);
    return out;
  }
  /// Every byte of a lane (four of them) times factors[lane]; products are below 256.
  U8x64 scaled(I32x16 factors) const {
    U8x64 out;
    for (int i = 0; i < 64; ++i) out.lane[i] = static_cast<std::uint8_t>(lane[i] * factors.lane[i / 4]);
    return out;
  }
};

inline U8x64 operator|(U8x64 a, U8x64 b) {
  for (int i = 0; i < 64; ++i) a.lane[i] = static_cast<std::uint8_t>(a.lane[i] | b.lane[i]);
  return a;
}

/// Σ (code − zero)·x in every lane, exactly. Codes are at most max_code, x lies in −127..127, and at most 32
/// are added. `zero` is 0 or a power of two.
template <int max_code, int zero>
class Dot {
 public:
  /// Whether add() is add<quad>(codes, x), with all 32 bytes of a block's activations.
  static constexpr bool takes_whole_blocks = false;
  static constexpr int tokens = 1;

  Dot() = default;
  /// `minus_sum` is −Σx of all x that will be added.
  explicit Dot(std::int32_t minus_sum) : sum_(I32x16::broadcast(minus_sum * zero)) {}
  /// Four columns.
  void add(const U8x64& codes, const std::int8_t* x) {
    for (int i = 0; i < 64; ++i)
      sum_.lane[i / 4] += static_cast<std::uint32_t>(std::int32_t{codes.lane[i]} * x[i % 4]);
  }
  I32x16 total() const { return sum_; }

 private:
  I32x16 sum_;
};

}  // namespace
}  // namespace yoke::kernels
