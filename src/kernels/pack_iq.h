// The IQ formats for pack.cpp. A unit has numbers of points and planes (panel_grids.h); where, says
// panel_iq_formats.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/pack_place.h"
#include "kernels/panel_grids.h"
#include "quant/iq_blocks.h"

namespace yoke::kernels {
namespace {

/// The row's four bits of a plane.
inline void add_to_plane(const RowPlace& to, int plane, unsigned bits) {
  to.extras[plane + to.row / 2] |= static_cast<std::byte>(bits << (4 * (to.row % 2)));
}

/// The number of point `i` of the unit.
template <class Grid>
void put_number(const RowPlace& to, int i, unsigned number) {
  const int atom = i / 4;
  to.codes[64 * atom + 4 * to.row + i % 4] = static_cast<std::byte>(number & 255);
  for (int bit = 0; bit < Grid::high_bits; ++bit) {
    add_to_plane(to, Grid::high_begin + Grid::high_step * atom + 8 * bit,
                 (number >> (8 + bit) & 1) << (i % 4));
  }
}

/// Signs of values 8 i and on, and as their eighth, where seven are stored, something else.
inline void put_signs(const RowPlace& to, int i, unsigned signs) {
  add_to_plane(to, 16 * i, signs & 15);
  add_to_plane(to, 16 * i + 8, signs >> 4);
}

/// Of half a unit: with a bit of the scale after each seven signs.
inline void put_signs_and_scale(const RowPlace& to, int half, const quant::SignsAndScale& packed) {
  std::uint32_t all = 0;
  std::memcpy(&all, packed.bytes, sizeof all);
  for (int i = 0; i < 4; ++i) {
    put_signs(to, 4 * half + i, (all >> (7 * i) & 127) | (all >> (28 + i) & 1) << 7);
  }
}

struct PackIq2Xxs : HeaderOfScale<quant::BlockIQ2_XXS> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockIQ2_XXS>(from);
    for (int half = 0; half < 2; ++half) {
      const auto& part = block.parts[2 * index + half];
      for (int i = 0; i < 4; ++i) put_number<Iq2XxsGrid>(to, 4 * half + i, part.points[i]);
      put_signs_and_scale(to, half, part.signs);
    }
  }
};

struct PackIq2Xs : HeaderOfScale<quant::BlockIQ2_XS> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockIQ2_XS>(from);
    for (int i = 0; i < 8; ++i) {
      const unsigned packed = block.points[8 * index + i];
      put_number<Iq2XsGrid>(to, i, packed & 255);
      put_signs(to, i, packed >> 9 | (packed >> 8 & 1) << 7);  // the number's ninth bit
    }
    for (int half = 0; half < 2; ++half) {
      *to.bytes(128 + panel_rows * half) = static_cast<std::byte>(block.scales[2 * index + half]);
    }
  }
};

struct PackIq2S : HeaderOfScale<quant::BlockIQ2_S> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockIQ2_S>(from);
    for (int i = 0; i < 8; ++i) {
      const unsigned high = block.high[2 * index + i / 4] >> (2 * (i % 4)) & 3;
      put_number<Iq2SGrid>(to, i, block.points[8 * index + i] | high << 8);
      put_signs(to, i, block.signs[8 * index + i]);
    }
    for (int half = 0; half < 2; ++half) {
      *to.bytes(160 + panel_rows * half) = static_cast<std::byte>(block.scales[2 * index + half]);
    }
  }
};

struct PackIq3Xxs : HeaderOfScale<quant::BlockIQ3_XXS> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockIQ3_XXS>(from);
    for (int i = 0; i < 16; ++i) put_number<Iq3XxsGrid>(to, i, block.points[16 * index + i]);
    for (int half = 0; half < 2; ++half) put_signs_and_scale(to, half, block.signs[2 * index + half]);
  }
};

struct PackIq3S : HeaderOfScale<quant::BlockIQ3_S> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockIQ3_S>(from);
    for (int i = 0; i < 16; ++i) {
      const unsigned high = block.high[2 * index + i / 8] >> (i % 8) & 1;
      put_number<Iq3SGrid>(to, i, block.points[16 * index + i] | high << 8);
    }
    for (int i = 0; i < 8; ++i) put_signs(to, i, block.signs[8 * index + i]);
    *to.bytes(160) = static_cast<std::byte>(block.scales[index]);
  }
};

struct PackIq1S : HeaderOfScale<quant::BlockIQ1_S> {
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockIQ1_S>(from);
    for (int half = 0; half < 2; ++half) {
      const unsigned packed = block.high[2 * index + half];
      for (int i = 0; i < 4; ++i) {
        const unsigned high = packed >> (3 * i) & 7;
        put_number<Iq1Grid>(to, 4 * half + i, block.points[8 * index + 4 * half + i] | high << 8);
      }
      add_to_plane(to, 32 * half + 24, packed >> 12);
    }
  }
};

struct PackIq1M {
  static void header(const std::byte* from, int row, std::byte* to) {
    const auto block = block_at<quant::BlockIQ1_M>(from);
    unsigned d = 0;
    for (int i = 0; i < 4; ++i) d |= static_cast<unsigned>(block.scales[i] >> 12) << (4 * i);
    put_half(static_cast<std::uint16_t>(d), to + 2 * row);
  }
  static void unit(const std::byte* from, int index, int, const RowPlace& to) {
    const auto block = block_at<quant::BlockIQ1_M>(from);
    for (int i = 0; i < 8; ++i) {
      const unsigned high = block.high[4 * index + i / 2] >> (4 * (i % 2)) & 15;
      put_number<Iq1Grid>(to, i, block.points[8 * index + i] | (high & 7) << 8);
      add_to_plane(to, 32 * (i / 4) + 24, high >> 3 << (i % 4));
    }
    for (int i = 0; i < 4; ++i) {
      const unsigned scale = block.scales[index] >> (3 * i) & 7;
      for (int bit = 0; bit < 3; ++bit) add_to_plane(to, 64 + 8 * bit, (scale >> bit & 1) << i);
    }
  }
};

}  // namespace
}  // namespace yoke::kernels
