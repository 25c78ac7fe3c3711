#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/topology.h"

namespace yoke {
namespace {

std::vector<std::pair<std::int64_t, std::int64_t>> ranges_of(ThreadPool& pool, std::int64_t n,
                                                             std::int64_t grain) {
  std::vector<std::pair<std::int64_t, std::int64_t>> by_begin(static_cast<std::size_t>(n) + 1, {0, 0});
  pool.split(n, grain, [&](std::int64_t begin, std::int64_t end) {
    by_begin[static_cast<std::size_t>(begin)] = {begin, end};
  });
  std::erase_if(by_begin, [](const auto& range) { return range.first == range.second; });
  return by_begin;
}

TEST(ThreadPool, RunsTheBodyOnceOnEveryThread) {
  for (const int size : {1, 2, 3, 8}) {
    ThreadPool pool(size);
    EXPECT_EQ(pool.size(), size);
    std::vector<int> calls(static_cast<std::size_t>(size), 0);
    std::vector<std::thread::id> ids(static_cast<std::size_t>(size));
    pool.run([&](int thread) {
      ++calls[static_cast<std::size_t>(thread)];
      ids[static_cast<std::size_t>(thread)] = std::this_thread::get_id();
    });
    EXPECT_EQ(calls, std::vector<int>(static_cast<std::size_t>(size), 1));
    EXPECT_EQ(ids[0], std::this_thread::get_id());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) EXPECT_NE(ids[i], ids[j]);
    }
  }
}

TEST(ThreadPool, SplitGivesEveryIndexToExactlyOneRange) {
  for (const int size : {1, 2, 3, 5}) {
    ThreadPool pool(size);
    for (const std::int64_t grain : {1, 2, 7, 16, 64}) {
      for (const std::int64_t n : {0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 100, 1000}) {
        std::vector<int> visits(static_cast<std::size_t>(n), 0);
        pool.split(n, grain, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        ASSERT_EQ(visits, std::vector<int>(static_cast<std::size_t>(n), 1))
            << "n " << n << ", grain " << grain << ", threads " << size;
      }
    }
  }
}

TEST(ThreadPool, SplitCutsAtGrainsEvenlyAndAlwaysAlike) {
  ThreadPool pool(3);
  const auto ranges = ranges_of(pool, 100, 16);  // 7 grains, the last one short
  ASSERT_EQ(ranges.size(), 3u);
  for (const auto& [begin, end] : ranges) {
    EXPECT_EQ(begin % 16, 0);
    EXPECT_TRUE(end % 16 == 0 || end == 100);
    EXPECT_GE(end - begin, 32 - 12);
    EXPECT_LE(end - begin, 48);
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ranges_of(pool, 100, 16), ranges);
}

TEST(ThreadPool, ShareGivesEveryIndexToExactlyOneCall) {
  for (const int size : {1, 2, 3, 5}) {
    ThreadPool pool(size);
    for (const std::int64_t n : {0, 1, 2, 3, 4, 7, 8, 11, 12, 13, 20, 63, 64, 65, 100, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(n));
      for (int region = 0; region < 3; ++region) {
        pool.share(n, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
      }
      for (std::int64_t i = 0; i < n; ++i)
        ASSERT_EQ(visits[static_cast<std::size_t>(i)], 3) << i << " of " << n << ", threads " << size;
    }
  }
}

TEST(ThreadPool, ShareLetsOthersDoWhatASlowThreadDoesNotComeTo) {
  ThreadPool pool(3);
  constexpr std::int64_t n = 300, half_of_a_range = 50;
  std::atomic<std::int64_t> done_by_others{0};
  const std::thread::id slow = std::this_thread::get_id();
  pool.share(n, [&](std::int64_t begin, std::int64_t end) {
    if (std::this_thread::get_id() != slow) {
      done_by_others += end - begin;
      return;
    }
    EXPECT_EQ(end - begin, half_of_a_range);
    while (done_by_others < n - half_of_a_range) std::this_thread::yield();  // for ever, if nobody helps
  });
  EXPECT_EQ(done_by_others, n - half_of_a_range);
}

TEST(ThreadPool, BodiesInTurnBeginWhenTheOneBeforeHasEndedEverywhere) {
  for (const int size : {1, 2, 3, 5}) {
    ThreadPool pool(size);
    const auto n = static_cast<std::size_t>(size);
    std::vector<int> first(n), second(n), third(n);
    for (int round = 1; round <= 100; ++round) {
      const std::uint32_t before = pool.regions();
      pool.run_in_turn(
          [&](int thread) { first[static_cast<std::size_t>(thread)] = round; },
          [&](int thread) {
            second[static_cast<std::size_t>(thread)] = std::accumulate(first.begin(), first.end(), 0);
          },
          [&](int thread) {
            third[static_cast<std::size_t>(thread)] = std::accumulate(second.begin(), second.end(), 0);
          });
      ASSERT_EQ(third, std::vector<int>(n, size * size * round));
      ASSERT_EQ(pool.regions() - before, size == 1 ? 0u : 1u);
    }
  }
}

TEST(ThreadPool, AnExceptionInOneOfSeveralBodiesEndsTheRegion) {
  ThreadPool pool(4);
  for (int thrower = 0; thrower < 4; ++thrower) {
    for (int body = 0; body < 3; ++body) {
      for (int round = 0; round < 10; ++round) {
        const auto run = [&](int which) {
          return [=](int thread) {
            if (thread == thrower && which == body) throw std::runtime_error("body");
          };
        };
        EXPECT_THROW(pool.run_in_turn(run(0), run(1), run(2)), std::runtime_error);
      }
    }
  }
  std::atomic<int> calls{0};
  pool.run_in_turn([&](int) { ++calls; }, [&](int) { ++calls; });  // and the pool works on
  EXPECT_EQ(calls, 8);
}

TEST(ThreadPool, SharesAfterAllHaveMadeWhatTheRangesRead) {
  for (const int size : {1, 2, 3, 5}) {
    ThreadPool pool(size);
    for (const std::int64_t n : {0, 1, 3, 8, 20, 100}) {
      std::vector<int> made(static_cast<std::size_t>(size));
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(n));
      for (int round = 1; round <= 10; ++round) {
        pool.share_after([&](int thread) { made[static_cast<std::size_t>(thread)] = round; }, n,
                         [&](std::int64_t begin, std::int64_t end) {
                           ASSERT_EQ(made, std::vector<int>(made.size(), round));
                           for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
                         });
      }
      EXPECT_EQ(made, std::vector<int>(made.size(), 10)) << "whatever follows, it is made";
      for (const std::atomic<int>& count : visits) EXPECT_EQ(count, 10);
    }
  }
}

TEST(ThreadPool, ServesThousandsOfRegions) {
  ThreadPool pool(3);
  std::vector<std::int64_t> sums(3, 0);
  for (int region = 0; region < 5000; ++region) {
    pool.run([&](int thread) { sums[static_cast<std::size_t>(thread)] += region; });
  }
  EXPECT_EQ(sums, std::vector<std::int64_t>(3, 5000 * 4999 / 2));
}

TEST(ThreadPool, ARegionSeesWhatTheOneBeforeWrote) {
  ThreadPool pool(4);
  std::vector<int> values{1, 2, 3, 4};
  for (int region = 0; region < 1000; ++region) {
    std::vector<int> next(4);
    pool.run([&](int thread) {
      const auto own = static_cast<std::size_t>(thread);
      next[own] = values[(own + 1) % 4];  // another thread's result
    });
    values = next;
  }
  EXPECT_EQ(values, (std::vector<int>{1, 2, 3, 4}));
}

TEST(ThreadPool, WorkersThatFellAsleepWakeAgain) {
  ThreadPool pool(2);
  for (int round = 0; round < 3; ++round) {
    // The other pool's regions keep both cores busy for longer than an idle worker spins.
    ThreadPool busy(2);
    std::atomic<int> done{0};
    for (int i = 0; i < 2000; ++i) busy.run([&](int) { done.fetch_add(1, std::memory_order_relaxed); });
    EXPECT_EQ(done, 4000);
    std::atomic<int> calls{0};
    pool.run([&](int) { ++calls; });
    EXPECT_EQ(calls, 2);
  }
}

TEST(ThreadPool, ThrowsAgainWhatABodyThrew) {
  ThreadPool pool(4);
  for (int thrower = 0; thrower < 4; ++thrower) {
    std::atomic<int> ended{0};
    try {
      pool.run([&](int thread) {
        if (thread == thrower) throw std::runtime_error("from thread " + std::to_string(thread));
        ++ended;
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), "from thread " + std::to_string(thrower));
    }
    EXPECT_EQ(ended, 3) << "the region must have ended on every thread";
  }
  std::atomic<int> calls{0};
  pool.run([&](int) { ++calls; });  // and the pool works on
  EXPECT_EQ(calls, 4);
}

TEST(ThreadPool, OfManyExceptionsOneArrives) {
  ThreadPool pool(4);
  for (int i = 0; i < 100; ++i) {
    EXPECT_THROW(pool.run([](int thread) { throw thread; }), int);
  }
}

TEST(ThreadPool, OnOneThreadExceptionsPassThrough) {
  ThreadPool pool(1);
  EXPECT_THROW(pool.run([](int) { throw 1; }), int);
  EXPECT_THROW(pool.split(10, 1, [](std::int64_t, std::int64_t) { throw 1; }), int);
}

TEST(ThreadPool, PoolsOfDifferentOwnersDoNotDisturbEachOther) {
  std::vector<std::int64_t> totals(4, 0);
  std::vector<std::thread> owners;
  for (std::size_t owner = 0; owner < totals.size(); ++owner) {
    owners.emplace_back([&totals, owner] {
      ThreadPool pool(2);
      for (int region = 0; region < 200; ++region) {
        std::atomic<std::int64_t> sum{0};
        pool.split(100, 1, [&](std::int64_t begin, std::int64_t end) {
          std::int64_t part = 0;
          for (std::int64_t i = begin; i < end; ++i) part += i;
          sum += part;
        });
        totals[owner] += sum;
      }
    });
  }
  for (std::thread& owner : owners) owner.join();
  EXPECT_EQ(totals, std::vector<std::int64_t>(4, 200 * 4950));
}

TEST(ThreadPool, PinsEachThreadToItsOwnCoreAndFreesTheCallerAtTheEnd) {
  const Topology topology = read_topology();
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  {
    ThreadPool pool(topology.cores, true);
    std::vector<cpu_set_t> bound(static_cast<std::size_t>(topology.cores));
    pool.run([&](int thread) {
      sched_getaffinity(0, sizeof(cpu_set_t), &bound[static_cast<std::size_t>(thread)]);
    });
    for (std::size_t thread = 0; thread < bound.size(); ++thread) {
      EXPECT_EQ(CPU_COUNT(&bound[thread]), 1);
      EXPECT_TRUE(CPU_ISSET(topology.core_cpus[thread], &bound[thread]));
    }
  }
  cpu_set_t after;
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(ThreadPool, BindsThreadsToTheProcessorsItIsGiven) {
  const Topology topology = read_topology();
  const std::vector<int> cpus(topology.core_cpus.rbegin(), topology.core_cpus.rend());
  ThreadPool pool(static_cast<int>(cpus.size()), cpus);
  EXPECT_TRUE(pool.is_pinned());
  std::vector<int> ran_on(cpus.size());
  pool.run([&](int thread) { ran_on[static_cast<std::size_t>(thread)] = sched_getcpu(); });
  EXPECT_EQ(ran_on, cpus);
  // Of what the process may use nothing is lost.
  EXPECT_EQ(read_topology().core_cpus, topology.core_cpus);
  EXPECT_FALSE(ThreadPool(1).is_pinned());
}

TEST(ThreadPool, WithMoreThreadsThanCoresNothingIsPinned) {
  const Topology topology = read_topology();
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  ThreadPool pool(topology.cores + 1, true);
  std::atomic<int> unbound{0};
  pool.run([&](int) {
    cpu_set_t own;
    sched_getaffinity(0, sizeof own, &own);
    if (CPU_EQUAL(&own, &before)) ++unbound;
  });
  EXPECT_EQ(unbound, topology.cores + 1);
}

TEST(ThreadPool, RunsTheErrandAfterRegionsAndBetweenPiecesOnTheCallersThread) {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    struct Count {
      int n = 0;
      std::thread::id thread;
    } count;
    pool.set_errand({[](void* context) {
                       auto& of = *static_cast<Count*>(context);
                       ++of.n;
                       of.thread = std::this_thread::get_id();
                     },
                     &count});
    pool.split(1, 1, [](std::int64_t, std::int64_t) {});
    EXPECT_EQ(count.n, 1);
    pool.split(100, 1, [](std::int64_t, std::int64_t) {});
    EXPECT_EQ(count.n, 2);
    pool.share(10'000, [](std::int64_t, std::int64_t) {});
    EXPECT_GT(count.n, 10);
    EXPECT_EQ(count.thread, std::this_thread::get_id());
    pool.set_errand({});
    const int before = count.n;
    pool.split(100, 1, [](std::int64_t, std::int64_t) {});
    EXPECT_EQ(count.n, before);
  }
}

TEST(ThreadPool, IsBusyInsideOfARegionOnly) {
  ThreadPool pool(2);
  EXPECT_FALSE(pool.busy());
  bool inside = false;
  pool.run([&](int thread) {
    if (thread == 0) inside = pool.busy();
  });
  EXPECT_TRUE(inside);
  EXPECT_FALSE(pool.busy());
  EXPECT_THROW(pool.run([](int) { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_FALSE(pool.busy());
}

TEST(ThreadPool, WorksAlikeHoweverLongItsThreadsStayAwake) {
  ThreadPool pool(3);
  for (const int microseconds : {0, 1, 2000}) {
    pool.stay_awake(std::chrono::microseconds(microseconds));
    for (int region = 0; region < 20; ++region) {
      std::atomic<int> ran{0};
      pool.run([&](int) { ++ran; });
      EXPECT_EQ(ran, 3);
    }
  }
}

}  // namespace
}  // namespace yoke
