#include "comm/threads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "quant/half.h"

namespace yoke::comm {
namespace {

std::vector<float> values_of_rank(int rank, std::size_t n) {
  std::mt19937 generator(static_cast<unsigned>(rank) * 1000003U + static_cast<unsigned>(n));
  std::normal_distribution<float> normal(0, 1000);
  std::vector<float> x(n);
  for (float& value : x) value = normal(generator);
  return x;
}

/// What `body` threw, or "nothing".
template <class Body>
std::string sentence_of(Body body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing";
}

class Threads : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, Threads, testing::Values(1, 2, 3, 4, 5, 8));

TEST_P(Threads, AllReduceAddsInRankOrderForEveryLength) {
  const int ranks = GetParam();
  for (const std::size_t n : {0, 1, 2, 3, 7, 64, 1000, 10007}) {
    std::vector<float> expected = values_of_rank(0, n);
    for (int r = 1; r < ranks; ++r) {
      const auto addend = values_of_rank(r, n);
      for (std::size_t i = 0; i < n; ++i) expected[i] += addend[i];
    }
    run_ranks(ranks, [&](Comm& comm) {
      std::vector<float> x = values_of_rank(comm.rank(), n);
      comm.all_reduce(x);
      EXPECT_EQ(x, expected) << "rank " << comm.rank() << ", " << n << " values";
    });
  }
}

TEST_P(Threads, AllReduceCountsCallsBytesAndTime) {
  const int ranks = GetParam();
  run_ranks(ranks, [&](Comm& comm) {
    std::vector<float> x(100, 1.0F);
    for (int call = 0; call < 5; ++call) comm.all_reduce(x);
    EXPECT_EQ(comm.traffic().calls, ranks == 1 ? 0U : 5U);
    EXPECT_EQ(comm.traffic().bytes, ranks == 1 ? 0U : 5U * 400U);
    EXPECT_EQ(comm.traffic().seconds > 0, ranks > 1);
  });
}

TEST_P(Threads, SumsAsBf16AreThoseOfRoundedAddendsRounded) {
  const int ranks = GetParam();
  const auto rounded = [](float value) { return quant::bf16_to_f32(quant::f32_to_bf16(value)); };
  std::vector<float> expected = values_of_rank(0, 100);
  if (ranks > 1) {
    for (float& value : expected) value = rounded(value);
    for (int r = 1; r < ranks; ++r) {
      const auto addend = values_of_rank(r, 100);
      for (std::size_t i = 0; i < 100; ++i) expected[i] += rounded(addend[i]);
    }
    for (float& value : expected) value = rounded(value);
  }
  run_ranks(ranks, [&](Comm& comm) {
    std::vector<float> x = values_of_rank(comm.rank(), 100);
    comm.all_reduce(x, Wire::bf16);
    EXPECT_EQ(x, expected);
    EXPECT_EQ(comm.traffic().bytes, ranks == 1 ? 0U : 200U);
  });
}

TEST_P(Threads, TwoSumsMayBeUnderWay) {
  run_ranks(GetParam(), [&](Comm& comm) {
    std::vector<float> a = values_of_rank(comm.rank(), 10), b = values_of_rank(comm.rank() + 100, 500);
    std::vector<float> expected_a = a, expected_b = b;
    comm.all_reduce(expected_a);
    comm.all_reduce(expected_b);
    for (int i = 0; i < 3; ++i) {
      std::vector<float> x = a, y = b;
      const PendingSum first = comm.start_all_reduce(x);
      const PendingSum second = comm.start_all_reduce(y);
      comm.poll();
      comm.finish(first);
      EXPECT_EQ(x, expected_a);
      comm.finish(second);
      EXPECT_EQ(y, expected_b);
    }
    comm.finish(comm.start_all_reduce({}));
  });
}

std::vector<std::byte> bytes_of(int value, std::size_t n) {
  return std::vector<std::byte>(n, static_cast<std::byte>(value));
}

TEST_P(Threads, MessagesGoAroundInTheOrderTheyWereSent) {
  const int ranks = GetParam();
  if (ranks == 1) return;
  run_ranks(ranks, [&](Comm& comm) {
    const int next = (comm.rank() + 1) % ranks, before = (comm.rank() + ranks - 1) % ranks;
    for (int i = 0; i < 5; ++i) {
      const auto n = static_cast<std::size_t>(i * 1000);
      std::vector<std::byte> received(n);
      if (comm.rank() == 0) {
        comm.send(bytes_of(i, n), next);
        comm.receive(received, before);
      } else {
        comm.receive(received, before);
        comm.send(received, next);
      }
      EXPECT_EQ(received, bytes_of(i, n));
    }
  });
}

TEST_P(Threads, APartIsAGroupOfItsOwn) {
  const int ranks = GetParam();
  run_ranks(ranks, [&](Comm& comm) {
    const int color = comm.rank() % 2;
    const std::unique_ptr<Comm> part = comm.split(color);
    EXPECT_EQ(part->size(), (ranks + 1 - color) / 2);
    EXPECT_EQ(part->rank(), comm.rank() / 2);
    EXPECT_EQ(&part->pulse(), &comm.pulse());
    std::vector<float> x{static_cast<float>(comm.rank())};
    part->all_reduce(x);
    float expected = 0;
    for (int r = color; r < ranks; r += 2) expected += static_cast<float>(r);
    EXPECT_EQ(x[0], expected);
    comm.all_reduce(x);  // nobody ends while others may still use its part
  });
}

TEST_P(Threads, AllGatherTakesUnevenAndEmptyParts) {
  const int ranks = GetParam();
  std::vector<std::int64_t> counts;
  std::vector<float> expected;
  for (int r = 0; r < ranks; ++r) {
    counts.push_back(r % 3 == 1 ? 0 : 5 + r);
    const auto part = values_of_rank(r, static_cast<std::size_t>(counts.back()));
    expected.insert(expected.end(), part.begin(), part.end());
  }
  const std::vector<std::int64_t> none(static_cast<std::size_t>(ranks), 0);
  run_ranks(ranks, [&](Comm& comm) {
    const auto mine = values_of_rank(comm.rank(), static_cast<std::size_t>(counts[comm.rank()]));
    std::vector<float> all(expected.size());
    comm.all_gather(mine, counts, all);
    EXPECT_EQ(all, expected) << "rank " << comm.rank();
    comm.all_gather({}, none, {});
  });
}

TEST_P(Threads, BroadcastReplacesMessagesOfAnySizeFromAnyRoot) {
  const int ranks = GetParam();
  run_ranks(ranks, [&](Comm& comm) {
    for (int root = 0; root < ranks; ++root) {
      for (const std::size_t bytes : {0, 1, 4097}) {
        const std::vector<std::byte> expected(bytes, static_cast<std::byte>(root + 1));
        std::vector<std::byte> message(static_cast<std::size_t>(comm.rank()) * 3, std::byte{99});
        if (comm.rank() == root) message = expected;
        comm.broadcast(message, root);
        EXPECT_EQ(message, expected);
      }
    }
  });
}

TEST_P(Threads, FollowersSleepUntilTheLeaderWakesThem) {
  std::atomic<int> wakes{0};
  run_ranks(GetParam(), [&](Comm& comm) {
    for (int round = 1; round <= 50; ++round) {
      if (comm.rank() == 0) {
        wakes = round;
        comm.wake_followers();
      } else {
        comm.sleep();
        EXPECT_GE(wakes, round);
      }
    }
    // A wake-up that comes before the sleep is not lost: nothing above waited for the followers.
    std::vector<float> x(1);
    comm.all_reduce(x);
  });
}

TEST_P(Threads, AThrowingRankEndsTheOthersPendingCalls) {
  const int ranks = GetParam();
  for (const int culprit : {0, ranks - 1}) {
    std::atomic<int> aborted{0};
    const auto body = [&](Comm& comm) {
      std::vector<float> x(10);
      comm.all_reduce(x);
      if (comm.rank() == culprit) throw std::out_of_range("the real reason");
      try {
        comm.rank() % 2 == 1 && culprit == 0 ? comm.sleep() : comm.all_reduce(x);
      } catch (const Error&) {
        ++aborted;
        throw;
      }
    };
    EXPECT_THROW(run_ranks(ranks, body), std::out_of_range);
    EXPECT_EQ(aborted, ranks - 1);
  }
}

TEST(ThreadsMisuse, ARankThatLeavesEarlyIsAnErrorForThoseWhoWait) {
  const auto leave_early = [](Comm& comm) {
    std::vector<float> x(10);
    if (comm.rank() != 1) comm.all_reduce(x);
  };
  EXPECT_THAT(sentence_of([&] { run_ranks(3, leave_early); }), testing::HasSubstr("rank 1 has left"));
}

TEST(ThreadsMisuse, DifferentSizesAndDifferentCollectivesAreErrors) {
  const auto sizes_differ = [](Comm& comm) {
    std::vector<float> x(static_cast<std::size_t>(10 + comm.rank()));
    comm.all_reduce(x);
  };
  EXPECT_THAT(sentence_of([&] { run_ranks(2, sizes_differ); }),
              testing::HasSubstr("(rank 0: 10, rank 1: 11)"));
  const auto collectives_differ = [](Comm& comm) {
    std::vector<float> x(1);
    std::vector<std::byte> message(1);
    comm.rank() == 0 ? comm.all_reduce(x) : comm.broadcast(message, 1);
  };
  EXPECT_THAT(sentence_of([&] { run_ranks(2, collectives_differ); }),
              testing::HasSubstr("different collectives"));
}

TEST(ThreadsMisuse, AMessageOfAnotherLengthIsRefused) {
  const auto lengths_differ = [](Comm& comm) {
    if (comm.rank() == 0) return comm.send(bytes_of(1, 7), 1);
    std::vector<std::byte> received(8);
    comm.receive(received, 0);
  };
  EXPECT_EQ(sentence_of([&] { run_ranks(2, lengths_differ); }), "rank 0 has sent 7 bytes; expected 8");
}

TEST(ThreadsMisuse, APartFailsWithItsGroup) {
  const auto one_fails = [](Comm& comm) {
    const std::unique_ptr<Comm> part = comm.split(comm.rank() / 2);
    if (comm.rank() == 0) throw std::runtime_error("the first");
    std::vector<float> x(1);
    for (;;) part->all_reduce(x);
  };
  // Its part is gone a moment before its group hears why.
  EXPECT_THAT(sentence_of([&] { run_ranks(4, one_fails); }),
              testing::AnyOf("the first", "rank 0 has left the group while others wait for it"));
}

TEST(ThreadsMisuse, AbortFromOutsideEndsAPendingCall) {
  ThreadGroup group(2);
  std::thread waiting([&] {
    std::vector<float> x(1);
    EXPECT_THROW(group.comm(1).all_reduce(x), Error);
  });
  group.abort();
  waiting.join();
}

}  // namespace
}  // namespace yoke::comm
