#include "kernels/pack.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <stdexcept>

#include "kernels/pack_iq.h"
#include "kernels/pack_place.h"
#include "quant/blocks.h"
#include "quant/k_blocks.h"
#include "quant/table_blocks.h"

namespace yoke::kernels {
namespace {

using quant::Type;

/// A unit's codes of one row, each in a byte, before they are spread over the panel.
using Codes = std::array<std::uint8_t, unit_cols>;
constexpr int quads_per_half = 8;

std::uint32_t word(const std::uint8_t* from) {
  std::uint32_t out = 0;
  std::memcpy(&out, from, sizeof out);
  return out;
}

// ---- Writing one row's part of a unit

void put_word(const RowPlace& to, int atom, std::uint32_t value) {
  std::memcpy(to.codes + 64 * atom + 4 * to.row, &value, sizeof value);
}

void put_bytes(const Codes& codes, const RowPlace& to) {
  for (int quad = 0; quad < 2 * quads_per_half; ++quad) put_word(to, quad, word(&codes[4 * quad]));
}

/// The four lowest bits of every code.
void put_nibbles(const Codes& codes, const RowPlace& to) {
  constexpr std::uint32_t low = 0x0f0f0f0f;
  for (int quad = 0; quad < quads_per_half; ++quad) {
    put_word(to, to.atoms.nibbles[quad],
             (word(&codes[4 * quad]) & low) | (word(&codes[unit_cols / 2 + 4 * quad]) & low) << 4);
  }
}

/// Two bits of every code, from bit `from` on.
void put_bit_pairs(const Codes& codes, int from, const RowPlace& to) {
  for (int four = 0; four < 4; ++four) {
    std::uint32_t all = 0;
    for (int i = 0; i < 4; ++i) all |= (word(&codes[4 * (4 * four + i)]) >> from & 0x03030303) << (2 * i);
    put_word(to, to.atoms.bit_pairs[four], all);
  }
}

/// Bit `from` of every code.
void put_single_bits(const Codes& codes, int from, const RowPlace& to) {
  for (int half = 0; half < 2; ++half) {
    std::uint32_t all = 0;
    for (int quad = 0; quad < quads_per_half; ++quad) {
      all |= (word(&codes[unit_cols / 2 * half + 4 * quad]) >> from & 0x01010101) << quad;
    }
    put_word(to, to.atoms.single_bits[half], all);
  }
}

/// Four numbers of six bits, as panel_formats.h's six_bits() reads them; `to` is the row's place in the first
/// plane.
void put_six_bits(const std::array<std::uint8_t, 4>& numbers, std::byte* to) {
  for (int i = 0; i < 3; ++i) {
    to[panel_rows * i] = static_cast<std::byte>(numbers[i] | (numbers[3] >> (2 * i) & 3) << 6);
  }
}

// ---- Codes of the halves of bytes

void spread_nibbles(const std::uint8_t* q, int n, std::uint8_t* low, std::uint8_t* high) {
  for (int i = 0; i < n; ++i) {
    low[i] = q[i] & 15;
    high[i] = q[i] >> 4;
  }
}

void add_fifth_bits(const std::uint8_t (&high)[4], std::uint8_t* to) {
  for (int i = 0; i < 32; ++i) to[i] = static_cast<std::uint8_t>(to[i] | (high[i / 8] >> (i % 8) & 1) << 4);
}

// ---- Formats: unit(the row's block or blocks, the unit's place in a block, blocks of 32 that it has, where
// to) and header(the row's block, row, where to)

/// Formats of 32 values: a unit is two blocks, of which the second may be missing. A missing one has zeros
/// for scales, so any codes do.
template <class Block>
struct SmallBlocks {
  static constexpr bool has_offset = requires(Block block) { block.m; };
  static constexpr bool has_fifth_bits = requires(Block block) { block.high; };
  static constexpr bool has_exponent = requires(Block block) { block.e; };
  static constexpr bool has_whole_bytes = sizeof(Block::q) == Block::values;

  static void header(const std::byte*, int, std::byte*) {}
  static void unit(const std::byte* from, int, int blocks, const RowPlace& to) {
    Block both[2] = {};
    std::memcpy(both, from, sizeof(Block) * static_cast<std::size_t>(blocks));
    Codes codes;
    for (int half = 0; half < 2; ++half) {
      read_codes(both[half], &codes[Block::values * half]);
      put_scales(both[half], half, to);
    }
    if constexpr (has_whole_bytes) {
      put_bytes(codes, to);
    } else {
      put_nibbles(codes, to);
    }
    if constexpr (has_fifth_bits) put_single_bits(codes, 4, to);
  }

 private:
  static void read_codes(const Block& block, std::uint8_t* to) {
    if constexpr (has_whole_bytes) {
      for (int i = 0; i < Block::values; ++i) to[i] = static_cast<std::uint8_t>(block.q[i] + 128);
    } else {
      spread_nibbles(block.q, 16, to, to + 16);
    }
    if constexpr (has_fifth_bits) add_fifth_bits(block.high, to);
  }
  static void put_scales(const Block& block, int half, const RowPlace& to) {
    if constexpr (has_exponent) {
      *to.bytes(panel_rows * half) = static_cast<std::byte>(block.e);
    } else {
      put_half(block.d, to.halves(2 * panel_rows * half));
    }
    if constexpr (has_offset) put_half(block.m, to.halves(4 * panel_rows + 2 * panel_rows * half));
  }
};

template <class Block>
struct HeaderOfScaleAndMin {
  static void header(const std::byte* from, int row, std::byte* to) {
    const Block block = block_at<Block>(from);
    put_half(block.d, to + 2 * row);
    put_half(block.dmin, to + 32 + 2 * row);
  }
};

/// Codes of unit `index` where value i has bits 2·(i / 32 % 4) and on of q[i / 128 · 32 + i % 32].
Codes two_bit_codes(const std::uint8_t (&q)[64], int index) {
  Codes codes;
  const std::uint8_t* from = q + index / 2 * 32;
  for (int i = 0; i < unit_cols; ++i) codes[i] = from[i % 32] >> (2 * (2 * (index % 2) + i / 32)) & 3;
  return codes;
}

struct PackQ2_K : HeaderOfScaleAndMin<quant::BlockQ2_K> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockQ2_K>(from);
    put_bit_pairs(two_bit_codes(block.q, index), 0, to);
    for (int i = 0; i < 4; ++i) *to.bytes(16 * i) = static_cast<std::byte>(block.scales[4 * index + i]);
  }
};

struct PackQ3_K : HeaderOfScale<quant::BlockQ3_K> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockQ3_K>(from);
    Codes codes = two_bit_codes(block.q, index);
    for (int i = 0; i < unit_cols; ++i) {
      codes[i] = static_cast<std::uint8_t>(codes[i] | (block.high[i % 32] >> (2 * index + i / 32) & 1) << 2);
    }
    put_bit_pairs(codes, 0, to);
    put_single_bits(codes, 2, to);
    std::array<std::uint8_t, 4> scales{};
    for (int i = 0; i < 4; ++i) {
      const int sub = 4 * index + i;
      scales[i] = static_cast<std::uint8_t>((block.scales[sub % 8] >> (4 * (sub / 8)) & 15) |
                                            (block.scales[8 + sub % 4] >> (2 * (sub / 4)) & 3) << 4);
    }
    put_six_bits(scales, to.bytes(0));
  }
};

/// The scales of two sub-blocks from `first` on, then their minima.
std::array<std::uint8_t, 4> scales_and_mins(const std::uint8_t (&bytes)[12], int first) {
  std::array<std::uint8_t, 4> out{};
  for (int i = 0; i < 2; ++i) {
    const int sub = first + i;
    if (sub < 4) {
      out[i] = bytes[sub] & 63;
      out[2 + i] = bytes[sub + 4] & 63;
    } else {
      out[i] = static_cast<std::uint8_t>((bytes[sub + 4] & 15) | bytes[sub - 4] >> 6 << 4);
      out[2 + i] = static_cast<std::uint8_t>(bytes[sub + 4] >> 4 | bytes[sub] >> 6 << 4);
    }
  }
  return out;
}

struct PackQ4_K : HeaderOfScaleAndMin<quant::BlockQ4_K> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockQ4_K>(from);
    Codes codes;
    spread_nibbles(block.q + 32 * index, 32, &codes[0], &codes[32]);
    put_nibbles(codes, to);
    put_six_bits(scales_and_mins(block.scales.bytes, 2 * index), to.bytes(0));
  }
};

struct PackQ5_K : HeaderOfScaleAndMin<quant::BlockQ5_K> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockQ5_K>(from);
    Codes codes;
    spread_nibbles(block.q + 32 * index, 32, &codes[0], &codes[32]);
    for (int i = 0; i < unit_cols; ++i) {
      codes[i] = static_cast<std::uint8_t>(codes[i] | (block.high[i % 32] >> (2 * index + i / 32) & 1) << 4);
    }
    put_nibbles(codes, to);
    put_single_bits(codes, 4, to);
    put_six_bits(scales_and_mins(block.scales.bytes, 2 * index), to.bytes(0));
  }
};

struct PackQ6_K : HeaderOfScale<quant::BlockQ6_K> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockQ6_K>(from);
    Codes codes;
    const std::uint8_t* low = block.low + index / 2 * 64;
    const std::uint8_t* high = block.high + index / 2 * 32;
    for (int i = 0; i < unit_cols; ++i) {
      codes[i] = static_cast<std::uint8_t>((low[i] >> (4 * (index % 2)) & 15) |
                                           (high[i % 32] >> (2 * (2 * (index % 2) + i / 32)) & 3) << 4);
    }
    put_nibbles(codes, to);
    put_bit_pairs(codes, 4, to);
    for (int i = 0; i < 4; ++i) *to.bytes(16 * i) = static_cast<std::byte>(block.scales[4 * index + i]);
  }
};

struct PackIq4Xs : HeaderOfScale<quant::BlockIQ4_XS> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockIQ4_XS>(from);
    Codes codes;
    for (int half = 0; half < 2; ++half) {
      spread_nibbles(block.q + 16 * (2 * index + half), 16, &codes[32 * half], &codes[32 * half + 16]);
    }
    put_nibbles(codes, to);
    *to.bytes(0) = static_cast<std::byte>(block.scales_low[index]);
    // Four bits of a row share a byte with those of the row eight further.
    const int high = block.scales_high >> (4 * index) & 15;
    std::byte& both = to.extras[16 + to.row % 8];
    both |= static_cast<std::byte>(to.row < 8 ? high : high << 4);
  }
};

// ---- Plain floats

template <class Value>
void pack_floats(const std::byte* from, std::size_t stride, std::int64_t cols, int rows, std::byte* to) {
  for (int row = 0; row < rows; ++row) {
    const std::byte* values = from + static_cast<std::size_t>(row) * stride;
    for (std::int64_t k = 0; k < cols; ++k) {
      std::memcpy(to + (k * panel_rows + row) * static_cast<std::int64_t>(sizeof(Value)),
                  values + k * static_cast<std::int64_t>(sizeof(Value)), sizeof(Value));
    }
  }
}

// ---- The table

struct Packer {
  Type type;
  void (*header)(const std::byte* block, int row, std::byte* to);
  /// `blocks`: of 32 values, that a unit has.
  void (*unit)(const std::byte* block, int index, int blocks, const RowPlace& to);
};

template <class Format>
constexpr Packer packer_of(Type type) {
  return {type, Format::header, Format::unit};
}

constexpr Packer packers[] = {
    packer_of<SmallBlocks<quant::BlockQ4_0>>(Type::q4_0),
    packer_of<SmallBlocks<quant::BlockQ4_1>>(Type::q4_1),
    packer_of<SmallBlocks<quant::BlockQ5_0>>(Type::q5_0),
    packer_of<SmallBlocks<quant::BlockQ5_1>>(Type::q5_1),
    packer_of<SmallBlocks<quant::BlockQ8_0>>(Type::q8_0),
    packer_of<SmallBlocks<quant::BlockIQ4_NL>>(Type::iq4_nl),
    packer_of<SmallBlocks<quant::BlockMXFP4>>(Type::mxfp4),
    packer_of<PackQ2_K>(Type::q2_k),
    packer_of<PackQ3_K>(Type::q3_k),
    packer_of<PackQ4_K>(Type::q4_k),
    packer_of<PackQ5_K>(Type::q5_k),
    packer_of<PackQ6_K>(Type::q6_k),
    packer_of<PackIq4Xs>(Type::iq4_xs),
    packer_of<PackIq1S>(Type::iq1_s),
    packer_of<PackIq1M>(Type::iq1_m),
    packer_of<PackIq2Xxs>(Type::iq2_xxs),
    packer_of<PackIq2Xs>(Type::iq2_xs),
    packer_of<PackIq2S>(Type::iq2_s),
    packer_of<PackIq3Xxs>(Type::iq3_xxs),
    packer_of<PackIq3S>(Type::iq3_s),
};

const Packer& packer(Type type) {
  for (const Packer& each : packers) {
    if (each.type == type) return each;
  }
  throw std::out_of_range("no panels for this type");
}

}  // namespace

void pack_panel(const PanelColumns& columns, const std::byte* file_rows, std::size_t stride, int rows,
                std::byte* panel) {
  assert(rows >= 0 && rows <= panel_rows);
  std::memset(panel, 0, columns.bytes());
  const std::size_t block_bytes = quant::format(columns.type).block_bytes;
  if (columns.is_plain()) {
    return block_bytes == 4 ? pack_floats<std::uint32_t>(file_rows, stride, columns.cols, rows, panel)
                            : pack_floats<std::uint16_t>(file_rows, stride, columns.cols, rows, panel);
  }
  const Packer& format = packer(columns.type);
  const PanelLayout layout = panel_layout(columns.type);
  const std::int64_t units = columns.units();
  const std::int64_t small_blocks = columns.cols / activation_block;
  int index = columns.phase();
  const std::byte* from = file_rows;  // of the group, in the first row
  for (std::int64_t unit = 0; unit < units;) {
    const int n = static_cast<int>(std::min<std::int64_t>(layout.units_per_group - index, units - unit));
    std::byte* const header = panel;
    std::byte* const extras = header + layout.header_bytes;
    std::byte* const codes = extras + n * layout.extra_bytes;
    for (int row = 0; row < rows; ++row) {
      const std::byte* const block = from + static_cast<std::size_t>(row) * stride;
      format.header(block, row, header);
      for (int i = 0; i < n; ++i) {
        const int blocks = static_cast<int>(std::min<std::int64_t>(2, small_blocks - 2 * (unit + i)));
        format.unit(block, index + i, blocks,
                    {row, layout.atoms, codes + i * layout.code_bytes, extras + i * layout.extra_bytes});
      }
    }
    panel = codes + n * layout.code_bytes;
    from += layout.units_per_group == 1 ? 2 * block_bytes : block_bytes;
    unit += n;
    index = 0;
  }
}

}  // namespace yoke::kernels
