#include "runtime/request_account.h"

#include <gtest/gtest.h>

namespace yoke::runtime {
namespace {

RequestAccount::Time at(int seconds) { return RequestAccount::Time(std::chrono::seconds(seconds)); }

TEST(RequestAccount, SplitsTheTimeOfARequest) {
  RequestAccount account(7, at(10));
  account.start(3, at(12));
  account.charge({0, 100, 0.5});
  account.start(6, at(13));  // after a preemption
  account.take_token(at(15));
  account.charge({0, 10, 0.25});
  account.take_token(at(16));
  const Statistics statistics = account.statistics(at(20));
  EXPECT_EQ(statistics.prompt_tokens, 7);
  EXPECT_EQ(statistics.reused_tokens, 3);
  EXPECT_EQ(statistics.generated_tokens, 2);
  EXPECT_EQ(statistics.queue_seconds, 2);
  EXPECT_EQ(statistics.prompt_seconds, 3);
  EXPECT_EQ(statistics.decode_seconds, 5);
  EXPECT_EQ(statistics.reduced_bytes, 110U);
  EXPECT_EQ(statistics.exchange_seconds, 0.75);
  EXPECT_EQ(statistics.decode_exchange_seconds, 0.25);
}

TEST(RequestAccount, OfOneThatEndsEarlyLeavesOutWhatItDidNotReach) {
  RequestAccount account(7, at(10));
  EXPECT_EQ(account.statistics(at(14)).queue_seconds, 4);
  EXPECT_EQ(account.statistics(at(14)).prompt_seconds, 0);
  account.start(0, at(11));
  EXPECT_EQ(account.statistics(at(14)).queue_seconds, 1);
  EXPECT_EQ(account.statistics(at(14)).prompt_seconds, 3);
  EXPECT_EQ(account.statistics(at(14)).decode_seconds, 0);
}

}  // namespace
}  // namespace yoke::runtime
