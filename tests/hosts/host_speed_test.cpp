#include "hosts/host_speed.h"

#include <gtest/gtest.h>

#include "common/scratch.h"

namespace yoke::hosts {
namespace {

TEST(HostSpeed, IsMeasuredOnceAndAgainWhereThatIsAskedFor) {
  const ScratchFolder scratch;
  const SpeedBook book(scratch.path() / "speeds.json");
  SpeedQuestion question{"Q4_0", std::uint64_t{1} << 40, 1, false};
  const HostSpeed first = speed_of_this_host(question, book);
  if (first.bytes_per_second == 0) GTEST_SKIP() << "too little memory is free";
  EXPECT_EQ(first.format, "Q4_0");
  EXPECT_EQ(first.threads, 1);
  EXPECT_GT(first.measured, 1'700'000'000U);
  EXPECT_EQ(speed_of_this_host(question, book).bytes_per_second, first.bytes_per_second) << "known";
  question.anew = true;
  EXPECT_NE(speed_of_this_host(question, book).bytes_per_second, first.bytes_per_second) << "measured";
}

TEST(HostSpeed, IsNotToldWhereItWasNotAskedForOrDoesNotMatter) {
  const SpeedBook book{std::filesystem::path()};
  EXPECT_EQ(speed_of_this_host({}, book).bytes_per_second, 0);
  EXPECT_EQ(speed_of_this_host({"Q4_0", 1000, 1, false}, book).bytes_per_second, 0) << "a tiny model";
  EXPECT_EQ(speed_of_this_host({"Q9_9", std::uint64_t{1} << 40, 1, false}, book).bytes_per_second, 0);
}

}  // namespace
}  // namespace yoke::hosts
