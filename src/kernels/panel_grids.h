// What panels of the IQ formats are made of, beside atoms: the grids, and planes.
//
// A plane is 64 bits, four for each of sixteen rows, row 0 lowest: the signs of a quad, or a bit of each of
// the four numbers in an atom, at the place that the number's byte has there.
//
// Plain numbers only: no vector types are needed before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/iq_grids.h"

namespace yoke::kernels {
namespace {

inline std::uint64_t plane_at(const std::byte* from) {
  std::uint64_t plane = 0;
  __builtin_memcpy(&plane, from, sizeof plane);
  return plane;
}

/// A bit of each row: the lowest of its four.
constexpr std::uint64_t lowest_bits = 0x1111111111111111;

// Of each grid: its points, the values of a point, the bits that its number has above eight, and where in a
// unit's extras planes have these for the first atom and for how much further for the next. (Those of IQ2_XS
// are among the signs.)

struct Iq1Grid {
  static constexpr auto& points = quant::iq1_grid;
  static constexpr int values = 8, high_bits = 3, high_begin = 0, high_step = 32;
};
struct Iq2XxsGrid {
  static constexpr auto& points = quant::iq2_xxs_grid;
  static constexpr int values = 8, high_bits = 0, high_begin = 0, high_step = 0;
};
struct Iq2XsGrid {
  static constexpr auto& points = quant::iq2_xs_grid;
  static constexpr int values = 8, high_bits = 1, high_begin = 0, high_step = 0;
};
struct Iq2SGrid {
  static constexpr auto& points = quant::iq2_s_grid;
  static constexpr int values = 8, high_bits = 2, high_begin = 128, high_step = 16;
};
struct Iq3XxsGrid {
  static constexpr auto& points = quant::iq3_xxs_grid;
  static constexpr int values = 4, high_bits = 0, high_begin = 0, high_step = 0;
};
struct Iq3SGrid {
  static constexpr auto& points = quant::iq3_s_grid;
  static constexpr int values = 4, high_bits = 1, high_begin = 128, high_step = 8;
};

}  // namespace
}  // namespace yoke::kernels
