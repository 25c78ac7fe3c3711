#include "base/turns.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>

namespace yoke {
namespace {

TEST(Turns, FlowsTakeTurnsUntilBothHaveEnded) {
  Turns turns;
  std::string trace;
  const auto flow = [&](char letter, int times) {
    for (int i = 0; i < times; ++i) {
      trace += letter;
      turns.pass();
    }
  };
  turns.run([&] { flow('a', 3); }, [&] { flow('b', 5); });
  EXPECT_EQ(trace, "abababbb");
  turns.run([&] { flow('c', 2); }, [] {});
  EXPECT_EQ(trace, "abababbbcc");
}

TEST(Turns, TheFirstFlowStaysOnItsThread) {
  Turns turns;
  const std::thread::id here = std::this_thread::get_id();
  std::thread::id first, second;
  turns.run([&] { first = std::this_thread::get_id(); }, [&] { second = std::this_thread::get_id(); });
  EXPECT_EQ(first, here);
  EXPECT_NE(second, here);
}

TEST(Turns, AFailureOfEitherEndsTheOther) {
  for (const int failing : {0, 1}) {
    Turns turns;
    int steps = 0;
    const auto flow = [&](int which) {
      for (int i = 0; i < 1000; ++i) {
        ++steps;
        if (which == failing && i == 3) throw std::runtime_error("enough");
        turns.pass();
      }
    };
    EXPECT_THROW(turns.run([&] { flow(0); }, [&] { flow(1); }), std::runtime_error);
    EXPECT_LE(steps, 8);
    turns.run([] {}, [] {});  // it can be used again
  }
}

TEST(Turns, ASecondThatWasNeverBegunIsNotRunAfterAFailure) {
  Turns turns;
  bool ran = false;
  EXPECT_THROW(turns.run([] { throw std::runtime_error("at once"); }, [&] { ran = true; }),
               std::runtime_error);
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace yoke
