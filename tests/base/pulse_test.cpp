#include "base/pulse.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "base/thread_pool.h"

namespace yoke {
namespace {

TEST(Pulse, TellsThePhaseAndCountsEachKindOfProgress) {
  Pulse pulse;
  EXPECT_EQ(pulse.read(), (Beat{Phase::starting, 0, 0, 0}));
  pulse.enter(Phase::computing);
  pulse.finish();
  pulse.tick(0);
  pulse.tick(200);
  pulse.tick();
  pulse.look();
  pulse.look();
  EXPECT_EQ(pulse.read(), (Beat{Phase::computing, 1, 3, 2}));
}

TEST(Pulse, APhaseEndsInTheOneBefore) {
  Pulse pulse;
  pulse.enter(Phase::computing);
  {
    const PhaseScope waiting(pulse, Phase::exchanging);
    EXPECT_EQ(pulse.read().phase, Phase::exchanging);
  }
  EXPECT_EQ(pulse.read().phase, Phase::computing);
}

/// What a pool tells while one of its calls lasts: the beats after each of `steps` calls of a body.
template <class Use>
void expect_to_tick_within(int threads, Use use) {
  Pulse pulse;
  ThreadPool pool(threads, {}, &pulse);
  std::atomic<std::uint64_t> before = 0;
  std::atomic<int> moved = 0;
  use(pool, [&](std::int64_t, std::int64_t) {
    const std::uint64_t now = pulse.read().ticks;
    if (before.exchange(now) != now) ++moved;
  });
  EXPECT_GT(moved, 3) << threads << " threads";
  EXPECT_EQ(pulse.read().finished, 1U) << threads << " threads";
}

TEST(Pulse, OfAPoolIsFeltWithinALongRegionHoweverFewThreadsThereAre) {
  for (const int threads : {1, 2, 4}) {
    expect_to_tick_within(threads, [](ThreadPool& pool, const auto& body) { pool.share(1000, body); });
    expect_to_tick_within(
        threads, [](ThreadPool& pool, const auto& body) { pool.share_after([](int) {}, 1000, body); });
  }
}

TEST(Pulse, OfAPoolCountsEveryRegionAndWhatIsTooSmallForOne) {
  Pulse pulse;
  ThreadPool pool(2, {}, &pulse);
  pool.run([](int) {});
  pool.split(100, 1, [](std::int64_t, std::int64_t) {});
  pool.split(1, 1, [](std::int64_t, std::int64_t) {});
  EXPECT_EQ(pulse.read().finished, 3U);
}

TEST(Pulse, OfAPoolStandsStillWhileOneThreadHangs) {
  Pulse pulse;
  ThreadPool pool(2, {}, &pulse);
  std::promise<void> end;
  std::promise<void> others_done;
  const std::shared_future<void> ended = end.get_future().share();
  std::thread caller([&] {
    pool.run([&](int thread) {
      if (thread == 1) {
        others_done.set_value();
        ended.wait();
      }
    });
  });
  others_done.get_future().wait();
  EXPECT_EQ(pulse.read().finished, 0U);
  end.set_value();
  caller.join();
  EXPECT_EQ(pulse.read().finished, 1U);
}

}  // namespace
}  // namespace yoke
