#include "base/time_account.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/seconds.h"

namespace yoke {
namespace {

using Clock = TimeAccount::Clock;

void spend(double seconds) {
  const Clock::time_point start = Clock::now();
  while (seconds_since(start) < seconds) continue;
}

double of(TimeAccount& account, Activity activity) {
  return account.read()[static_cast<std::size_t>(activity)];
}

TEST(TimeAccount, EveryMomentIsOneActivitysSoThatTheyAddUpToTheWall) {
  const Clock::time_point start = Clock::now();
  TimeAccount account;
  spend(0.002);
  {
    const ActivityScope computing(account, Activity::other);
    spend(0.003);
    {
      const ActivityScope products(account, Activity::products);
      spend(0.004);
    }
    EXPECT_EQ(account.current(), Activity::other);
  }
  EXPECT_EQ(account.current(), Activity::idle);
  EXPECT_GE(of(account, Activity::products), 0.004);
  EXPECT_GE(of(account, Activity::other), 0.003);
  EXPECT_GE(of(account, Activity::idle), 0.002);
  const auto seconds = account.read();
  const double wall = seconds_since(start);
  EXPECT_NEAR(std::accumulate(seconds.begin(), seconds.end(), 0.0), wall, 0.02 * wall + 1e-4);
}

TEST(TimeAccount, WhatIsMovedCountsAsTheOtherAndTheSumStays) {
  TimeAccount account(Activity::exchange);
  spend(0.002);
  const double before = of(account, Activity::exchange);
  account.enter(Activity::idle);
  account.move(Activity::exchange, Activity::waiting, 0.001);
  EXPECT_EQ(of(account, Activity::waiting), 0.001);
  EXPECT_GE(of(account, Activity::exchange), before - 0.001);
}

}  // namespace
}  // namespace yoke
