#include "cluster/rank_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <future>
#include <thread>

#include "base/error.h"
#include "cluster/rendezvous.h"
#include "comm/gather.h"
#include "comm/threads.h"

namespace yoke::cluster {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

// Meeting may take long on a busy machine; nothing waits for it where all is well.
const LinkTiming patient{.meeting = milliseconds(30000)};

std::vector<runtime::Place> local_places(int ranks) {
  std::vector<runtime::Place> places;
  for (int r = 0; r < ranks; ++r) places.push_back({r, "host", "machine", "network", 100 + r, 1, {}, 1});
  return places;
}

std::unique_ptr<RankLink> establish(comm::Comm& comm, const LinkTiming& timing = patient,
                                    LinkObserver observer = {}) {
  return RankLink::establish(comm, local_places(comm.size()), {}, std::move(observer), timing);
}

/// What check() throws once a loss is noticed.
std::string wait_for_loss(const RankLink& link) {
  for (;;) {
    try {
      link.check();
    } catch (const Error& error) {
      return error.what();
    }
    ::poll(nullptr, 0, 2);
  }
}

/// A barrier of the group that is not the link.
void all_arrive(comm::Comm& comm) {
  std::vector<float> one(1);
  comm.all_reduce(one);
}

TEST(RankLink, FollowersSleepUntilTheyAreWokenAndEndInGoodOrder) {
  comm::run_ranks(4, [](comm::Comm& comm) {
    const auto link = establish(comm);
    for (int round = 0; round < 20; ++round) {
      comm.rank() == 0 ? link->wake_followers() : link->sleep();
      if (round % 2 == 0) all_arrive(comm);  // on odd rounds wake-ups may come before the sleep
    }
    link->goodbye();
    link->check();
  });
}

TEST(RankLink, AFollowersSleepCostsNoProcessorTime) {
  comm::run_ranks(2, [](comm::Comm& comm) {
    const auto link = establish(comm);
    if (comm.rank() == 0) {
      ::poll(nullptr, 0, 500);
      link->wake_followers();
    } else {
      timespec before{};
      timespec after{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
      link->sleep();
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
      EXPECT_LT((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1'000'000, 20);
    }
    link->goodbye();
  });
}

TEST(RankLink, AVanishedFollowerIsNoticedByRankZeroWithHostAndProcess) {
  comm::run_ranks(3, [](comm::Comm& comm) {
    std::promise<std::string> told;
    auto link = establish(comm, patient, {[&](const LinkLoss& loss) { told.set_value(loss.sentence); }, {}});
    if (comm.rank() == 0) {
      EXPECT_EQ(wait_for_loss(*link), "rank 2 (host host, pid 102) was lost");
      EXPECT_EQ(told.get_future().get(), "rank 2 (host host, pid 102) was lost");
      EXPECT_THROW(link->wake_followers(), Error);
      link->report_failure("rank 2 (host host, pid 102) was lost");
    } else if (comm.rank() == 2) {
      link.reset();
    } else {
      EXPECT_THROW(link->sleep(), Error);
      EXPECT_EQ(wait_for_loss(*link), "rank 2 (host host, pid 102) was lost");
      EXPECT_FALSE(link->leader_is_lost());
    }
    all_arrive(comm);
  });
}

TEST(RankLink, AVanishedLeaderWakesSleepersWithAnError) {
  comm::run_ranks(2, [](comm::Comm& comm) {
    auto link = establish(comm);
    if (comm.rank() == 0) {
      link.reset();
    } else {
      EXPECT_THROW(link->sleep(), Error);
      EXPECT_EQ(wait_for_loss(*link), "rank 0 (host host, pid 100) was lost");
      EXPECT_TRUE(link->leader_is_lost());
    }
    all_arrive(comm);
  });
}

TEST(RankLink, ASilentPeerIsLost) {
  // Rank 1 has heartbeats an hour apart: as good as a stopped process.
  comm::run_ranks(2, [](comm::Comm& comm) {
    LinkTiming timing = patient;
    timing.silence = milliseconds(600);
    if (comm.rank() == 1) timing.heartbeat = std::chrono::hours(1);
    const auto link = establish(comm, timing);
    if (comm.rank() == 0) {
      EXPECT_EQ(wait_for_loss(*link), "rank 1 (host host, pid 101) stopped answering");
    }
    all_arrive(comm);
  });
}

TEST(RankLink, AFollowerWaitsForRankZeroAsLongAsThatWaitsForTheOthers) {
  comm::run_ranks(3, [](comm::Comm& comm) {
    LinkTiming timing = patient;
    timing.silence = milliseconds(300);
    if (comm.rank() == 2) {
      const auto invitation = comm::tell(comm, Invitation{}, 0);
      ::poll(nullptr, 0, 3 * static_cast<int>(timing.silence.count()));
      const auto late = join_leader(invitation, 2, {}, timing.meeting);
      all_arrive(comm);
      return;
    }
    const auto link = establish(comm, timing);
    if (comm.rank() == 0) {
      link->wake_followers();
    } else {
      EXPECT_NO_THROW(link->sleep());
    }
    all_arrive(comm);
  });
}

TEST(RankLink, AFollowersErrorReachesRankZeroAsASentence) {
  comm::run_ranks(2, [](comm::Comm& comm) {
    auto link = establish(comm);
    if (comm.rank() == 1) {
      link->report_failure("the file is too short");
    } else {
      EXPECT_EQ(wait_for_loss(*link), "rank 1 on host: the file is too short");
      link.reset();
    }
    all_arrive(comm);
  });
}

/// Patient with silence only.
LinkTiming hasty(milliseconds deference, milliseconds grace) {
  LinkTiming timing = patient;
  timing.heartbeat = milliseconds(10);
  timing.deference = deference;
  timing.grace = grace;
  return timing;
}

TEST(RankLink, RankZeroDefersAFollowersErrorToItsOwnAndThenCallsItselfStuck) {
  comm::run_ranks(2, [](comm::Comm& comm) {
    const LinkTiming timing = hasty(milliseconds(200), milliseconds(200));
    std::promise<std::chrono::steady_clock::time_point> lost;
    std::promise<std::chrono::steady_clock::time_point> stuck;
    std::atomic<bool> was_stuck = false;
    auto link = establish(comm, timing,
                          {[&](const LinkLoss&) { lost.set_value(std::chrono::steady_clock::now()); },
                           [&](const LinkLoss&) {
                             if (!was_stuck.exchange(true)) stuck.set_value(std::chrono::steady_clock::now());
                           }});
    if (comm.rank() == 1) {
      link->report_failure("no");
    } else {
      wait_for_loss(*link);
      const auto noticed = std::chrono::steady_clock::now();
      const auto told = lost.get_future().get();
      EXPECT_GE(told - noticed, milliseconds(100));
      EXPECT_GE(stuck.get_future().get() - told, milliseconds(100));
      link.reset();
    }
    all_arrive(comm);
  });
}

TEST(RankLink, AFollowerThatHasFailedIsNotStuckWhileItWaitsForRankZero) {
  comm::run_ranks(3, [](comm::Comm& comm) {
    std::atomic<bool> was_stuck = false;
    auto link = establish(comm, hasty(milliseconds(500), milliseconds(50)),
                          {{}, [&](const LinkLoss&) { was_stuck = true; }});
    if (comm.rank() == 0) {
      wait_for_loss(*link);
      std::this_thread::sleep_for(milliseconds(300));
      link.reset();
    } else {
      link->report_failure("no");
      EXPECT_FALSE(was_stuck);
    }
    all_arrive(comm);
  });
}

/// For hangs of 0.4 s, noticed at once.
LinkTiming watchful() {
  LinkTiming timing = hasty(milliseconds(0), milliseconds(30000));
  timing.silence = milliseconds(30000);
  timing.stillness = {.working = milliseconds(400)};
  return timing;
}

TEST(RankLink, AFollowerThatHangsIsNoticedAndNamed) {
  comm::run_ranks(3, [](comm::Comm& comm) {
    const auto link = establish(comm, watchful());
    const std::string sentence = "rank 2 on host has been in op 3 for 0 s; the others wait for it";
    if (comm.rank() == 2) {
      comm.pulse().finish();
      comm.pulse().finish();
      comm.pulse().enter(Phase::computing);
    } else {
      comm.pulse().enter(Phase::idle);
    }
    if (comm.rank() == 0) {
      EXPECT_EQ(wait_for_loss(*link), sentence);
      link->report_failure(sentence);
    } else {
      // Also the one that hangs: what is left of it can end.
      EXPECT_EQ(wait_for_loss(*link), sentence);
    }
    all_arrive(comm);
  });
}

TEST(RankLink, ARankZeroThatHangsTellsOfItselfByItsMonitor) {
  comm::run_ranks(2, [](comm::Comm& comm) {
    std::promise<LinkLoss> told;
    const auto link = establish(comm, watchful(), {[&](const LinkLoss& loss) { told.set_value(loss); }, {}});
    comm.pulse().enter(comm.rank() == 0 ? Phase::computing : Phase::idle);
    const LinkLoss loss = told.get_future().get();
    EXPECT_EQ(loss.sentence, "rank 0 on host has been in op 1 for 0 s; the others wait for it");
    EXPECT_FALSE(loss.leader_vanished);
    all_arrive(comm);
  });
}

TEST(RankLink, ARankZeroWhoseMonitorDoesNotTellIsNoticedByItsFollowers) {
  comm::run_ranks(2, [](comm::Comm& comm) {
    LinkTiming timing = watchful();
    timing.silence = milliseconds(600);
    if (comm.rank() == 0) timing.stillness.working = std::chrono::hours(1);
    const auto link = establish(comm, timing);
    comm.pulse().enter(comm.rank() == 0 ? Phase::computing : Phase::idle);
    if (comm.rank() == 1) {
      EXPECT_EQ(wait_for_loss(*link), "rank 0 on host has been in op 1 for 1 s; the others wait for it");
      EXPECT_TRUE(link->leader_is_lost());
    }
    all_arrive(comm);
  });
}

TEST(RankLink, ARankThatMovesIsNotBlamedHoweverLongTheOthersWait) {
  comm::run_ranks(2, [](comm::Comm& comm) {
    const auto link = establish(comm, watchful());
    comm.pulse().enter(comm.rank() == 1 ? Phase::computing : Phase::idle);
    if (comm.rank() == 1) {
      for (int i = 0; i < 200; ++i) {
        comm.pulse().tick(0);
        ::poll(nullptr, 0, 5);
      }
      comm.pulse().enter(Phase::idle);
    }
    all_arrive(comm);
    EXPECT_FALSE(link->is_lost());
    link->goodbye();
  });
}

TEST(RankLink, RankZeroHearsOfEveryRanksProgressAsItIsTold) {
  comm::run_ranks(3, [](comm::Comm& comm) {
    std::promise<GroupProgress> told;
    LinkObserver observer;
    observer.progress = [&](const GroupProgress& all) {
      if (all.all.done == 1 + 2 + 3) told.set_value(all);
    };
    const auto link = establish(comm, patient, observer);
    // Rank 0 has long finished its own when the others tell, as a rank with the fastest disk has.
    if (comm.rank() == 0) link->report_progress({1, 1});
    all_arrive(comm);
    if (comm.rank() != 0) link->report_progress({static_cast<std::uint64_t>(comm.rank()) + 1, 10});
    if (comm.rank() == 0) {
      const GroupProgress all = told.get_future().get();
      EXPECT_EQ(all.all.total, 21U);
      EXPECT_EQ(all.ranks, 3);
      EXPECT_EQ(all.slowest, 1);
      EXPECT_EQ(all.slowest_rank.done, 2U);
      EXPECT_EQ(link->progress().all.done, 6U);
    }
    all_arrive(comm);
    link->goodbye();
  });
}

TEST(RankLink, ARankThatDiesWhileLoadingIsALossAndItsProgressStays) {
  comm::run_ranks(2, [](comm::Comm& comm) {
    auto link = establish(comm);
    if (comm.rank() == 1) {
      link->report_progress({4, 10});
      link.reset();
    } else {
      EXPECT_EQ(wait_for_loss(*link), "rank 1 (host host, pid 101) was lost");
      EXPECT_EQ(link->progress().all.done, 4U);
    }
    all_arrive(comm);
  });
}

}  // namespace
}  // namespace yoke::cluster
