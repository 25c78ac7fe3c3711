#include "rates/stream_rate.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace yoke::rates {
namespace {

constexpr std::uint64_t mebi = std::uint64_t{1} << 20;

TEST(StreamBytes, AreFarMoreThanTheCacheHolds) {
  EXPECT_EQ(stream_bytes(0, 1024 * mebi), 256 * mebi);
  EXPECT_EQ(stream_bytes(32 * mebi, 16384 * mebi), 256 * mebi);
  EXPECT_EQ(stream_bytes(260 * mebi, 16384 * mebi), 1040 * mebi);
}

TEST(StreamBytes, LeaveMostOfTheFreeMemoryAlone) {
  EXPECT_EQ(stream_bytes(8 * mebi, 400 * mebi), 100 * mebi);
}

TEST(StreamBytes, AreNoneWhereTheCacheWouldBeMeasured) {
  EXPECT_EQ(stream_bytes(32 * mebi, 255 * mebi), std::nullopt);
  EXPECT_EQ(stream_bytes(0, 63 * mebi), std::nullopt);
  EXPECT_EQ(stream_bytes(0, 0), std::nullopt);
}

TEST(MeasureStream, GivesARateForEachPassOnAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    // No multiple of anything.
    const std::vector<double> rates = measure_stream(pool, 4 * mebi + 24, 3);
    ASSERT_EQ(rates.size(), 3);
    for (const double rate : rates) {
      EXPECT_GT(rate, 1e6) << threads;
      EXPECT_LT(rate, 1e13) << threads << ": nobody read";
    }
  }
}

TEST(MeasureStream, SaysSoWhereTheMemoryIsNotToBeHad) {
  ThreadPool pool(1);
  EXPECT_THROW(measure_stream(pool, std::uint64_t{1} << 60, 1), Error);
}

}  // namespace
}  // namespace yoke::rates
