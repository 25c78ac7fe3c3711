// The K formats as weights.h wants them: super-blocks of 256 values, whose small scales are unpacked and
// multiplied by the super-block's once.
// Written over F32x16 and U8x16, which vec_*.h defines before; see vec_scalar.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/k_blocks.h"

namespace yoke::kernels {
namespace {

/// A factor for each sub-block, in memory, from where a lane is broadcast at no cost.
struct SubScales {
  float values[16];

  explicit SubScales(F32x16 scales) {
    scales.store(values);
    // Or the compiler would keep them in a register and pay a permutation for each broadcast.
    asm volatile("" : "+m"(values));
  }
  F32x16 of(int sub) const { return F32x16::broadcast(values[sub]); }
};

inline F32x16 negative(F32x16 x) { return x * F32x16::broadcast(-1.0f); }

/// Four words as sixteen bytes.
inline U8x16 bytes_of(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  const std::uint32_t words[4] = {a, b, c, d};
  return U8x16::load(reinterpret_cast<const std::byte*>(words));
}

struct Words {
  std::uint32_t a, b, c;
};
inline Words three_words(const std::byte* from) {
  Words words;
  __builtin_memcpy(&words, from, sizeof words);
  return words;
}

/// quant::ScalesAndMins: the eight scales, then the eight minima.
inline F32x16 scales_and_mins(const std::byte* packed) {
  const Words w = three_words(packed);
  constexpr std::uint32_t six = 0x3f3f3f3f, four = 0x0f0f0f0f, fifth_and_sixth = 0x30303030;
  return F32x16::of_u8(bytes_of(w.a & six, (w.c & four) | (w.a >> 2 & fifth_and_sixth), w.b & six,
                                (w.c >> 4 & four) | (w.b >> 2 & fifth_and_sixth)));
}

/// The sixteen scales of BlockQ3_K, less 32.
inline F32x16 q3_scales(const std::byte* packed) {
  const Words w = three_words(packed);
  constexpr std::uint32_t four = 0x0f0f0f0f, two = 0x03030303;
  const U8x16 scales =
      bytes_of((w.a & four) | (w.c & two) << 4, (w.b & four) | (w.c >> 2 & two) << 4,
               (w.a >> 4 & four) | (w.c >> 4 & two) << 4, (w.b >> 4 & four) | (w.c >> 6 & two) << 4);
  return F32x16::of_i8(scales - U8x16::broadcast(32));
}

template <class Block, int group_vectors>
struct SuperBlock {
  static constexpr int groups = 16 / group_vectors, vectors = group_vectors;
  static constexpr std::int64_t block_bytes = sizeof(Block);
};

struct Q2_KWeights : SuperBlock<quant::BlockQ2_K, 8> {
  using Block = quant::BlockQ2_K;
  const std::byte* q;
  SubScales scales, minus_mins;

  explicit Q2_KWeights(const std::byte* block)
      : q(block + offsetof(Block, q)),
        scales(F32x16::of_u8(packed(block).field(0, 4)) * F32x16::broadcast_f16(block + offsetof(Block, d))),
        minus_mins(F32x16::of_u8(packed(block).field(4, 4)) *
                   negative(F32x16::broadcast_f16(block + offsetof(Block, dmin)))) {}
  static U8x16 packed(const std::byte* block) { return U8x16::load(block + offsetof(Block, scales)); }

  struct Group {
    const Q2_KWeights& block;
    int index;
    template <int part>
    F32x16 decode() const {
      const U8x16 codes = U8x16::load(block.q + 32 * index + 16 * (part % 2)).field(part / 2 * 2, 2);
      const int sub = 8 * index + part;
      return fma(F32x16::of_u8(codes), block.scales.of(sub), block.minus_mins.of(sub));
    }
  };
  Group group(int g) const { return {*this, g}; }
};

struct Q3_KWeights : SuperBlock<quant::BlockQ3_K, 8> {
  using Block = quant::BlockQ3_K;
  const std::byte *q, *high;
  SubScales scales;

  explicit Q3_KWeights(const std::byte* block)
      : q(block + offsetof(Block, q)),
        high(block + offsetof(Block, high)),
        scales(q3_scales(block + offsetof(Block, scales)) *
               F32x16::broadcast_f16(block + offsetof(Block, d))) {}

  struct Group {
    const Q3_KWeights& block;
    int index;
    U8x16 high[2];  // third bits of the group's values: bit part / 2
    template <int part>
    F32x16 decode() const {
      const U8x16 low = U8x16::load(block.q + 32 * index + 16 * (part % 2)).field(part / 2 * 2, 2);
      const U8x16 codes = low | high[part % 2].field(part / 2, 1, 2);
      return F32x16::of_i8(codes - U8x16::broadcast(4)) * block.scales.of(8 * index + part);
    }
  };
  Group group(int g) const {
    return {*this, g, {U8x16::load(high).field(4 * g, 4), U8x16::load(high + 16).field(4 * g, 4)}};
  }
};

struct Q4_KWeights : SuperBlock<quant::BlockQ4_K, 4> {
  using Block = quant::BlockQ4_K;
  const std::byte* q;
  SubScales scales;      // the first eight
  SubScales minus_mins;  // the last eight

  explicit Q4_KWeights(const std::byte* block)
      : Q4_KWeights(block, scales_and_mins(block + offsetof(Block, scales))) {}

  struct Group {
    const std::byte* q;
    LinearNibbles first, second;
    template <int part>
    F32x16 decode() const {
      return part < 2 ? first.low(q + 16 * part) : second.high(q + 16 * (part - 2));
    }
  };
  Group group(int g) const { return {q + 32 * g, nibbles(2 * g), nibbles(2 * g + 1)}; }

 private:
  Q4_KWeights(const std::byte* block, F32x16 scales_then_mins)
      : q(block + offsetof(Block, q)),
        scales(scales_then_mins * F32x16::broadcast_f16(block + offsetof(Block, d))),
        minus_mins(scales_then_mins * negative(F32x16::broadcast_f16(block + offsetof(Block, dmin)))) {}
  LinearNibbles nibbles(int sub) const { return {scales.of(sub), minus_mins.of(8 + sub)}; }
};

struct Q5_KWeights : SuperBlock<quant::BlockQ5_K, 4> {
  using Block = quant::BlockQ5_K;
  const std::byte *q, *high;
  SubScales scales, minus_mins;  // as in Q4_KWeights

  explicit Q5_KWeights(const std::byte* block)
      : Q5_KWeights(block, scales_and_mins(block + offsetof(Block, scales))) {}

  struct Group {
    const Q5_KWeights& block;
    int index;
    U8x16 high[2];  // fifth bits of the group's values: bit part / 2
    template <int part>
    F32x16 decode() const {
      const U8x16 low = U8x16::load(block.q + 32 * index + 16 * (part % 2)).field(part / 2 * 4, 4);
      const U8x16 codes = low | high[part % 2].field(part / 2, 1, 4);
      const int sub = 2 * index + part / 2;
      return fma(F32x16::of_u8(codes), block.scales.of(sub), block.minus_mins.of(8 + sub));
    }
  };
  Group group(int g) const {
    return {*this, g, {U8x16::load(high).field(2 * g, 2), U8x16::load(high + 16).field(2 * g, 2)}};
  }

 private:
  Q5_KWeights(const std::byte* block, F32x16 scales_then_mins)
      : q(block + offsetof(Block, q)),
        high(block + offsetof(Block, high)),
        scales(scales_then_mins * F32x16::broadcast_f16(block + offsetof(Block, d))),
        minus_mins(scales_then_mins * negative(F32x16::broadcast_f16(block + offsetof(Block, dmin)))) {}
};

struct Q6_KWeights : SuperBlock<quant::BlockQ6_K, 8> {
  using Block = quant::BlockQ6_K;
  const std::byte *low, *high;
  SubScales scales;

  explicit Q6_KWeights(const std::byte* block)
      : low(block + offsetof(Block, low)),
        high(block + offsetof(Block, high)),
        scales(F32x16::load_i8(block + offsetof(Block, scales)) *
               F32x16::broadcast_f16(block + offsetof(Block, d))) {}

  struct Group {
    const Q6_KWeights& block;
    int index;
    template <int part>
    F32x16 decode() const {
      const U8x16 lower = U8x16::load(block.low + 64 * index + 16 * (part % 4)).field(part / 4 * 4, 4);
      const U8x16 upper = U8x16::load(block.high + 32 * index + 16 * (part % 2)).field(part / 2 * 2, 2, 4);
      const F32x16 q = F32x16::of_i8((lower | upper) - U8x16::broadcast(32));
      return q * block.scales.of(8 * index + part);
    }
  };
  Group group(int g) const { return {*this, g}; }
};

}  // namespace
}  // namespace yoke::kernels
