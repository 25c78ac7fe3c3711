#include <gtest/gtest.h>

#include <chrono>

#include "kernels/kernels.h"

namespace yoke::kernels {
namespace {

using Peak = std::int64_t (*)(std::int64_t rounds);

TEST(Peak, CountsTheMultiplyAddsOfEveryRound) {
  for (const Kernels* table : available()) {
    for (const Peak peak : {table->int8_peak, table->f32_peak}) {
      EXPECT_EQ(peak(0), 0) << table->isa;
      const std::int64_t of_one = peak(1);
      EXPECT_GE(of_one, 16) << table->isa;
      EXPECT_EQ(peak(1000), 1000 * of_one) << table->isa;
    }
  }
}

TEST(Peak, MultipliesWhatItCounts) {
  // More than any core has: 1024 int8 products a cycle, at 8 GHz. A loop that the compiler has left out ends
  // at once, whatever its rounds.
  constexpr double impossible = 1024 * 8e9;
  for (const Kernels* table : available()) {
    for (const Peak peak : {table->int8_peak, table->f32_peak}) {
      const auto start = std::chrono::steady_clock::now();
      const auto multiply_adds = static_cast<double>(peak(20'000));
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      EXPECT_LT(multiply_adds / seconds.count(), impossible) << table->isa;
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
