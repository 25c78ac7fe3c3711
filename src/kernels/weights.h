// How the weights of a row become floats: exactly those of quant's decode(), as long as scales are finite.
// Written over F32x16 and U8x16, which vec_*.h defines before; see vec_scalar.h.
//
// A format is a type that is made from the address of a block, and prepares there what all of the block
// shares. group(g) does the same for one of its `groups`; the group's decode<part>() gives the sixteen values
// from 16·part on, of 16·vectors.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/blocks.h"
#include "quant/table_blocks.h"

namespace yoke::kernels {
namespace {

// ---- Plain floats: a "block" is sixteen of them, and the last one of a row may be cut short

template <int size>
struct PlainWeights {
  static constexpr int groups = 1, vectors = 1;
  static constexpr std::int64_t block_bytes = 16 * size;
  const std::byte* values;
  explicit PlainWeights(const std::byte* block) : values(block) {}
};

struct F32Weights : PlainWeights<4> {
  using PlainWeights::PlainWeights;
  const F32Weights& group(int) const { return *this; }
  template <int part>
  F32x16 decode() const {
    return F32x16::load(reinterpret_cast<const float*>(values));
  }
  F32x16 decode_partial(int n) const {
    return F32x16::load_partial(reinterpret_cast<const float*>(values), n);
  }
};

struct F16Weights : PlainWeights<2> {
  using PlainWeights::PlainWeights;
  const F16Weights& group(int) const { return *this; }
  template <int part>
  F32x16 decode() const {
    return F32x16::load_f16(values);
  }
  F32x16 decode_partial(int n) const { return F32x16::load_f16_partial(values, n); }
};

struct Bf16Weights : PlainWeights<2> {
  using PlainWeights::PlainWeights;
  const Bf16Weights& group(int) const { return *this; }
  template <int part>
  F32x16 decode() const {
    return F32x16::load_bf16(values);
  }
  F32x16 decode_partial(int n) const { return F32x16::load_bf16_partial(values, n); }
};

// ---- Blocks of 32 values

template <class Block>
struct SmallBlock {
  static constexpr int groups = 1, vectors = 2;
  static constexpr std::int64_t block_bytes = sizeof(Block);
};

struct Q8_0Weights : SmallBlock<quant::BlockQ8_0> {
  const std::byte* q;
  F32x16 d;

  explicit Q8_0Weights(const std::byte* block)
      : q(block + offsetof(quant::BlockQ8_0, q)), d(F32x16::broadcast_f16(block)) {}
  const Q8_0Weights& group(int) const { return *this; }
  template <int part>
  F32x16 decode() const {
    return F32x16::load_i8(q + 16 * part) * d;
  }
};

/// Sixteen bytes whose low halves are the first sixteen values, and the high ones the others.
template <class Nibbles>
struct NibbleGroup {
  const std::byte* q;
  Nibbles nibbles;

  template <int part>
  F32x16 decode() const {
    return part == 0 ? nibbles.low(q) : nibbles.high(q);
  }
};

struct Q4_0Weights : SmallBlock<quant::BlockQ4_0>, NibbleGroup<LinearNibbles> {
  explicit Q4_0Weights(const std::byte* block)
      : NibbleGroup{block + offsetof(quant::BlockQ4_0, q),
                    LinearNibbles::around_8(F32x16::broadcast_f16(block))} {}
  const NibbleGroup& group(int) const { return *this; }
};

struct Q4_1Weights : SmallBlock<quant::BlockQ4_1>, NibbleGroup<LinearNibbles> {
  explicit Q4_1Weights(const std::byte* block)
      : NibbleGroup{block + offsetof(quant::BlockQ4_1, q),
                    LinearNibbles(F32x16::broadcast_f16(block),
                                  F32x16::broadcast_f16(block + offsetof(quant::BlockQ4_1, m)))} {}
  const NibbleGroup& group(int) const { return *this; }
};

/// Codes of five bits: `q` as in NibbleGroup, `high` with the fifth bit of each of the 32.
template <int part>
inline U8x16 five_bits(const std::byte* q, const std::byte* high) {
  std::uint16_t bits = 0;
  __builtin_memcpy(&bits, high + 2 * part, sizeof bits);
  return U8x16::load(q).field(4 * part, 4) | (U8x16::spread(bits) & U8x16::broadcast(16));
}

struct Q5_0Weights : SmallBlock<quant::BlockQ5_0> {
  const std::byte* block;
  F32x16 d;

  explicit Q5_0Weights(const std::byte* from) : block(from), d(F32x16::broadcast_f16(from)) {}
  const Q5_0Weights& group(int) const { return *this; }
  template <int part>
  F32x16 decode() const {
    const U8x16 codes =
        five_bits<part>(block + offsetof(quant::BlockQ5_0, q), block + offsetof(quant::BlockQ5_0, high));
    return F32x16::of_i8(codes - U8x16::broadcast(16)) * d;
  }
};

struct Q5_1Weights : SmallBlock<quant::BlockQ5_1> {
  const std::byte* block;
  F32x16 d, m;

  explicit Q5_1Weights(const std::byte* from)
      : block(from),
        d(F32x16::broadcast_f16(from)),
        m(F32x16::broadcast_f16(from + offsetof(quant::BlockQ5_1, m))) {}
  const Q5_1Weights& group(int) const { return *this; }
  template <int part>
  F32x16 decode() const {
    const U8x16 codes =
        five_bits<part>(block + offsetof(quant::BlockQ5_1, q), block + offsetof(quant::BlockQ5_1, high));
    return fma(F32x16::of_u8(codes), d, m);
  }
};

// ---- Codes of a table

/// Made by the compiler, so that quant's own table, which other files share, is not linked from here.
constexpr Table table_of(const std::int8_t (&values)[16]) {
  Table table{};
  for (int i = 0; i < 16; ++i) table.values[i] = values[i];
  return table;
}
constexpr Table iq4_table = table_of(quant::iq4_table);
constexpr Table mxfp4_table = table_of(quant::mxfp4_table);

struct Iq4NlWeights : SmallBlock<quant::BlockIQ4_NL>, NibbleGroup<TableNibbles> {
  explicit Iq4NlWeights(const std::byte* block)
      : NibbleGroup{block + offsetof(quant::BlockIQ4_NL, q),
                    TableNibbles(iq4_table, F32x16::broadcast_f16(block))} {}
  const NibbleGroup& group(int) const { return *this; }
};

/// 2^(e − 128), which is subnormal for e < 2.
inline float mxfp4_scale(std::byte exponent) {
  const std::uint32_t e = static_cast<std::uint32_t>(exponent);
  return __builtin_bit_cast(float, e < 2 ? 0x00200000u << e : (e - 1) << 23);
}

struct Mxfp4Weights : SmallBlock<quant::BlockMXFP4>, NibbleGroup<TableNibbles> {
  explicit Mxfp4Weights(const std::byte* block)
      : NibbleGroup{block + offsetof(quant::BlockMXFP4, q),
                    TableNibbles(mxfp4_table, F32x16::broadcast(mxfp4_scale(*block)))} {}
  const NibbleGroup& group(int) const { return *this; }
};

struct Iq4XsWeights {
  static constexpr int groups = 8, vectors = 2;
  static constexpr std::int64_t block_bytes = sizeof(quant::BlockIQ4_XS);
  const std::byte* q;
  float scales[8];

  explicit Iq4XsWeights(const std::byte* block) : q(block + offsetof(quant::BlockIQ4_XS, q)) {
    std::uint16_t d = 0;
    std::uint16_t high = 0;
    __builtin_memcpy(&d, block, sizeof d);
    __builtin_memcpy(&high, block + offsetof(quant::BlockIQ4_XS, scales_high), sizeof high);
    for (int i = 0; i < 8; ++i) {
      const int pair = static_cast<int>(block[offsetof(quant::BlockIQ4_XS, scales_low) + i / 2]);
      const int scale = (pair >> (4 * (i % 2)) & 15) | (high >> (2 * i) & 3) << 4;
      scales[i] = float_of_half(d) * static_cast<float>(scale - 32);
    }
  }
  NibbleGroup<TableNibbles> group(int g) const {
    return {q + 16 * g, TableNibbles(iq4_table, F32x16::broadcast(scales[g]))};
  }
};

}  // namespace
}  // namespace yoke::kernels
