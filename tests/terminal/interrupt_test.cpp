#include "terminal/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace yoke::terminal {
namespace {

TEST(Interrupt, IsRememberedUntilItIsTaken) {
  Interrupt interrupt;
  EXPECT_FALSE(interrupt.take());
  std::raise(SIGINT);
  std::raise(SIGINT);
  EXPECT_TRUE(interrupt.take());
  EXPECT_FALSE(interrupt.take());
}

TEST(Interrupt, AnOldOneIsForgotten) {
  {
    const Interrupt interrupt;
    std::raise(SIGINT);
  }
  Interrupt interrupt;
  EXPECT_FALSE(interrupt.take());
}

TEST(InterruptDeathTest, EndsTheProcessAgainAfterwards) {
  EXPECT_EXIT(
      {
        { const Interrupt interrupt; }
        std::raise(SIGINT);
        std::exit(0);
      },
      testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace yoke::terminal
