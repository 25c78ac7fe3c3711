#include "rates/multiply_rate.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace yoke::rates {
namespace {

TEST(MeasureMultiply, GivesARateForEachPassOfEveryInstructionSetOnAnyNumberOfThreads) {
  for (const kernels::Kernels* kernels : kernels::available()) {
    for (const int threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      for (const Operands operands : {Operands::int8, Operands::f32}) {
        const std::vector<double> rates = measure_multiply(pool, *kernels, operands, 2);
        ASSERT_EQ(rates.size(), 2);
        for (const double rate : rates) {
          EXPECT_GT(rate, 1e6) << kernels->isa << ", " << threads << " threads";
          EXPECT_LT(rate, threads * 1.6e13) << kernels->isa << ": nobody multiplied";
        }
      }
    }
  }
}

TEST(MeasureMultiply, FindsTheUnitsFasterThanPlainCode) {
  if (kernels::available().size() == 1) GTEST_SKIP() << "this machine runs plain code only";
  if (YOKE_SANITIZED) GTEST_SKIP() << "a sanitizer's times say nothing";
  ThreadPool pool(1);
  const auto best_of = [&](const kernels::Kernels& kernels) {
    const std::vector<double> rates = measure_multiply(pool, kernels, Operands::int8, 5);
    return *std::max_element(rates.begin(), rates.end());
  };
  EXPECT_GT(best_of(*kernels::available().front()), best_of(*kernels::available().back()));
}

}  // namespace
}  // namespace yoke::rates
