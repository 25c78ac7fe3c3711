#include "runtime/deadlines.h"

#include <gtest/gtest.h>

namespace yoke::runtime {
namespace {

Deadlines::Time at(int seconds) { return Deadlines::Time(std::chrono::seconds(seconds)); }

TEST(Deadlines, ComeInTheirOrder) {
  Deadlines deadlines;
  EXPECT_EQ(deadlines.overdue(at(100)), std::nullopt);
  deadlines.set(1, at(30));
  deadlines.set(2, at(10));
  deadlines.set(3, at(10));
  EXPECT_EQ(deadlines.overdue(at(9)), std::nullopt);
  for (const std::uint64_t request : {2, 3}) {
    EXPECT_EQ(deadlines.overdue(at(10)), request);
    deadlines.forget(request);
  }
  EXPECT_EQ(deadlines.overdue(at(29)), std::nullopt);
  EXPECT_EQ(deadlines.overdue(at(31)), 1U);
}

TEST(Deadlines, OfWhatHasEndedAreForgotten) {
  Deadlines deadlines;
  deadlines.forget(7);
  deadlines.set(7, at(5));
  deadlines.forget(7);
  EXPECT_EQ(deadlines.overdue(at(6)), std::nullopt);
  deadlines.set(7, at(8));
  EXPECT_EQ(deadlines.overdue(at(6)), std::nullopt);
  EXPECT_EQ(deadlines.overdue(at(8)), 7U);
}

}  // namespace
}  // namespace yoke::runtime
