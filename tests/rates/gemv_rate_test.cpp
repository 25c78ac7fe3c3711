#include "rates/gemv_rate.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace yoke::rates {
namespace {

using kernels::Gemv;
using quant::Type;

constexpr std::uint64_t mebi = std::uint64_t{1} << 20;

TEST(GemvRate, TakesTheFasterWayAndTheDefaultWhereTheyAreAboutAsFast) {
  EXPECT_EQ((GemvRate{Type::q4_0, {8.8e9, 12.2e9}}).better(), Gemv::ahead);
  EXPECT_EQ((GemvRate{Type::q4_0, {10e9, 10.4e9}}).better(), Gemv::ahead);
  EXPECT_EQ((GemvRate{Type::q4_0, {10e9, 10.2e9}}).better(), Gemv::plain);
  EXPECT_EQ((GemvRate{Type::q4_0, {10e9, 10e9}}).better(), Gemv::plain);
  EXPECT_EQ((GemvRate{Type::q4_0, {12.2e9, 8.8e9}}).better(), Gemv::plain);
}

TEST(MeasureGemv, HasARateForEachWayOnAnyNumberOfThreads) {
  const kernels::Kernels& table = *kernels::available().front();
  if (table.isa == "scalar") GTEST_SKIP() << "plain code has one way";
  const Type types[] = {Type::q8_0, Type::q4_k, Type::iq2_xs};
  for (const int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    const std::vector<GemvRate> rates = measure_gemv(pool, table, types, 8 * mebi + 24);
    ASSERT_EQ(rates.size(), 3);
    for (std::size_t i = 0; i < rates.size(); ++i) {
      EXPECT_EQ(rates[i].type, types[i]);
      for (const double rate : rates[i].bytes_per_second) {
        EXPECT_GT(rate, 1e6) << threads;
        EXPECT_LT(rate, 1e13) << threads << ": nobody read";
      }
    }
  }
}

TEST(MeasureGemv, LeavesOutWhatHasOneWayOnly) {
  ThreadPool pool(1);
  const Type floats[] = {Type::f32, Type::f16, Type::bf16, Type::i32};
  const Type all[] = {Type::q4_0, Type::q8_0};
  // There is no such memory: it is not even asked for.
  constexpr std::uint64_t too_much = std::uint64_t{1} << 60;
  EXPECT_TRUE(measure_gemv(pool, *kernels::available().front(), floats, too_much).empty());
  EXPECT_TRUE(measure_gemv(pool, kernels::named("scalar"), all, too_much).empty());
}

TEST(MeasureGemv, SaysSoWhereTheMemoryIsNotToBeHad) {
  const kernels::Kernels& table = *kernels::available().front();
  if (table.isa == "scalar") GTEST_SKIP() << "plain code has one way";
  ThreadPool pool(1);
  const Type types[] = {Type::q4_0};
  EXPECT_THROW(measure_gemv(pool, table, types, std::uint64_t{1} << 60), Error);
}

}  // namespace
}  // namespace yoke::rates
