#include "terminal/progress_bar.h"

#include <gtest/gtest.h>

#include <limits>

namespace yoke::terminal {
namespace {

TEST(ProgressLine, FillsUp) {
  EXPECT_EQ(progress_line("loading", 0, 2'000'000'000),
            "loading [..............................]   0% of 2.00 GB");
  EXPECT_EQ(progress_line("loading", 1'000'000'000, 2'000'000'000),
            "loading [###############...............]  50% of 2.00 GB");
  EXPECT_EQ(progress_line("loading", 2'000'000'000, 2'000'000'000),
            "loading [##############################] 100% of 2.00 GB");
}

TEST(ProgressLine, SaysAHundredOnlyAtTheEnd) {
  EXPECT_EQ(progress_line("x", 99'999, 100'000), "x [#############################.]  99% of 100 KB");
}

TEST(ProgressLine, StandsSizesOfAnyKind) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(progress_line("x", most, 1), "x [##############################] 100% of 1 bytes");
  EXPECT_EQ(progress_line("x", most / 2, most), "x [###############...............]  50% of 18.4 EB");
}

TEST(ProgressLine, HasANoteBehindItsFigures) {
  EXPECT_EQ(progress_line("loading", 5'450'000'000, 12'100'000'000, "rank 2 at 31%"),
            "loading [#############.................]  45% of 12.1 GB, rank 2 at 31%");
}

TEST(ProgressLine, IsNoWiderThanTheTerminal) {
  const auto line = [](std::size_t width) {
    return progress_line("loading", 5'450'000'000, 12'100'000'000, "rank 127 at 31%", width);
  };
  EXPECT_EQ(line(50), "loading [###....]  45% of 12.1 GB, rank 127 at 31%");
  EXPECT_EQ(line(48), "loading [##...]  45% of 12.1 GB, rank 127 at 31%");
  EXPECT_EQ(line(47), "loading [#########............]  45% of 12.1 GB");
  EXPECT_EQ(line(31), "loading [##...]  45% of 12.1 GB");
  EXPECT_EQ(line(20), "loading [##...]  45%");
  for (std::size_t width = 0; width < 100; ++width) EXPECT_LE(line(width).size(), width);
}

}  // namespace
}  // namespace yoke::terminal
