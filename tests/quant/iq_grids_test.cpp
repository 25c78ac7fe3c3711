#include "quant/iq_grids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>

namespace yoke::quant {
namespace {

/// FNV-1a of the grid as ggml keeps it: a byte for each value of each point, magnitudes or signed values.
template <std::size_t points, std::size_t n>
std::uint64_t hash_of(const std::uint16_t (&grid)[points], const std::int8_t (&stands_for)[n]) {
  const int bits = n > 4 ? 3 : 2;
  const int values = n > 4 ? 4 : 8;
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint16_t point : grid) {
    for (int i = 0; i < values; ++i) {
      const unsigned code = point >> (bits * i) & ((1u << bits) - 1);
      EXPECT_LT(code, n);
      hash = (hash ^ static_cast<std::uint8_t>(stands_for[code])) * 0x100000001b3;
    }
  }
  return hash;
}

// Hashes of the tables in ggml's ggml-common.h, computed from its text.
TEST(IqGrids, AreThoseOfTheFormat) {
  EXPECT_EQ(hash_of(iq1_grid, iq1_values), 0x6703ed863501ae2eu);
  EXPECT_EQ(hash_of(iq2_xxs_grid, iq2_magnitudes), 0xbb4ee025b5ac6e8eu);
  EXPECT_EQ(hash_of(iq2_xs_grid, iq2_magnitudes), 0xc9b1ee61e79909bdu);
  EXPECT_EQ(hash_of(iq2_s_grid, iq2_magnitudes), 0x123edd38a3b62b90u);
  EXPECT_EQ(hash_of(iq3_xxs_grid, iq3_xxs_magnitudes), 0xdfa5dc83d6a155d5u);
  EXPECT_EQ(hash_of(iq3_s_grid, iq3_s_magnitudes), 0xfa37020c25b44829u);
}

template <std::size_t points>
bool ascends(const std::uint16_t (&grid)[points]) {
  return std::adjacent_find(std::begin(grid), std::end(grid), std::greater_equal<>()) == std::end(grid);
}

TEST(IqGrids, HaveEveryPointOnceInAscendingOrder) {
  EXPECT_TRUE(ascends(iq1_grid));
  EXPECT_TRUE(ascends(iq2_xxs_grid));
  EXPECT_TRUE(ascends(iq2_xs_grid));
  EXPECT_TRUE(ascends(iq2_s_grid));
  EXPECT_TRUE(ascends(iq3_xxs_grid));
  EXPECT_TRUE(ascends(iq3_s_grid));
}

}  // namespace
}  // namespace yoke::quant
