// Points of grids as codes, read from a table of them one by one: for instruction sets that cannot look up
// many at once. (The other way: panel_points_vbmi.h.) Written over U8x64, which vec64_*.h defines before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>

#include "kernels/iq_codes.h"
#include "kernels/panel_grids.h"

namespace yoke::kernels {
namespace {

/// The codes of every point, each in a byte.
template <class Grid>
struct PointCodes {
  using Codes = std::conditional_t<Grid::values == 8, std::uint64_t, std::uint32_t>;
  Codes of[std::size(Grid::points)];
};
template <class Grid>
constexpr PointCodes<Grid> point_codes = [] {
  PointCodes<Grid> codes{};
  for (std::size_t i = 0; i < std::size(Grid::points); ++i) {
    if constexpr (Grid::values == 8) {
      codes.of[i] = eight_codes(Grid::points[i]);
    } else {
      codes.of[i] = four_codes(Grid::points[i]);
    }
  }
  return codes;
}();

/// Four points of each of sixteen rows.
template <class Grid>
class Points {
 public:
  static constexpr int quads = Grid::values;  // four points have so many of four columns

  /// `numbers`: an atom of eight bits of each; `high`: a plane for each bit above.
  void find(const std::byte* numbers, const std::uint64_t* high) {
    for (int row = 0; row < 16; ++row) {
      for (int i = 0; i < 4; ++i) {
        std::size_t number = static_cast<std::size_t>(numbers[4 * row + i]);
        for (int bit = 0; bit < Grid::high_bits; ++bit)
          number |= (high[bit] >> (4 * row + i) & 1) << (8 + bit);
        const auto codes = point_codes<Grid>.of[number];
        for (int quad = 0; quad < quads / 4; ++quad) {
          const auto four = static_cast<std::uint32_t>(codes >> (32 * quad % 64));
          __builtin_memcpy(codes_[quads / 4 * i + quad] + 4 * row, &four, sizeof four);
        }
      }
    }
  }

  template <int quad>
  U8x64 codes() const {
    return U8x64::load(codes_[quad]);
  }
  /// What Format's table has for them; `minus` is the plane of their signs.
  template <int quad, class Format>
  U8x64 values(std::uint64_t minus) const {
    return codes<quad>().plus_eight(minus).look_up(Format::values.values);
  }

 private:
  alignas(64) std::byte codes_[quads][64];
};

/// Eight planes of signs, where a row has seven in each two.
inline void find_eighth_signs(const std::byte* planes, std::uint64_t (&signs)[8]) {
  for (int quad = 0; quad < 8; quad += 2) {
    const std::uint64_t first = plane_at(planes + 8 * quad);
    const std::uint64_t three = plane_at(planes + 8 * quad + 8) & 7 * lowest_bits;
    std::uint64_t parity = first ^ three;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    signs[quad] = first;
    signs[quad + 1] = three | (parity & lowest_bits) << 3;
  }
}

}  // namespace
}  // namespace yoke::kernels
