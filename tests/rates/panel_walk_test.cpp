#include "rates/panel_walk.h"

#include <gtest/gtest.h>

#include "base/anonymous_memory.h"

namespace yoke::rates {
namespace {

using quant::Type;

constexpr std::uint64_t mebi = std::uint64_t{1} << 20, plenty = 1024 * 1024 * mebi;

TEST(WalkBytes, AreMoreThanTheCacheHolds) {
  EXPECT_EQ(walk_bytes(0, plenty, plenty), 64 * mebi);
  EXPECT_EQ(walk_bytes(32 * mebi, plenty, plenty), 64 * mebi);
  EXPECT_EQ(walk_bytes(260 * mebi, plenty, plenty), 390 * mebi);
}

TEST(WalkBytes, AreNoneWhereTheyWouldBeMuchOfTheFreeMemory) {
  EXPECT_EQ(walk_bytes(0, 512 * mebi, plenty), 64 * mebi);
  EXPECT_EQ(walk_bytes(0, 511 * mebi, plenty), std::nullopt);
  EXPECT_EQ(walk_bytes(260 * mebi, 2048 * mebi, plenty), std::nullopt);
}

TEST(WalkBytes, AreNoneWhereTheWalkWouldReadMoreThanTheModelHas) {
  EXPECT_EQ(walk_bytes(0, plenty, 64 * mebi), 64 * mebi);
  EXPECT_EQ(walk_bytes(0, plenty, 63 * mebi), std::nullopt);
}

TEST(PanelWalk, StrollsOnAnyNumberOfThreadsThroughAnyFormat) {
  for (const kernels::Kernels* const table : kernels::available()) {
    for (const int threads : {1, 2, 5}) {
      ThreadPool pool(threads);
      const AnonymousMemory memory(8 * mebi + 24);
      fill_panels(pool, memory.bytes());
      for (const Type type : {Type::q4_0, Type::q6_k, Type::iq3_s, Type::mxfp4, Type::bf16, Type::f32}) {
        PanelWalk walk(pool, memory.bytes(), type);
        const double rate = walk.stroll(table->panel_multiply(type), std::chrono::milliseconds(2));
        EXPECT_GT(rate, 1e6) << table->isa << " " << threads;
        EXPECT_LT(rate, 1e13) << table->isa << " " << threads << ": nobody read";
      }
    }
  }
}

}  // namespace
}  // namespace yoke::rates
