#include "cluster/progress_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

namespace yoke::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = ProgressJudge::Time;

constexpr Time step{10};

/// A job in which every rank computes an operation, then waits until all have; who judges it hears of every
/// rank four times a second.
class Job {
 public:
  explicit Job(std::uint64_t seed, int ranks = 4)
      : judge(ranks), random_(seed), ranks_(static_cast<std::size_t>(ranks)) {
    for (Rank& rank : ranks_) rank.next_beat = Time(draw(0, 250));
    begin_operation();
  }

  struct Rank {
    Beat beat{Phase::computing, 0, 0, 0};
    Time left{};       // of its operation
    Time next_tick{};  // within it
    Time next_beat{};
    double slowness = 1;
    bool hangs = false;
    bool silent = false;
  };

  Rank& rank(int number) { return ranks_.at(static_cast<std::size_t>(number)); }
  std::int64_t draw(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution(least, most)(random_);
  }

  /// Until somebody is found guilty, or for so long.
  std::optional<Verdict> run(Time time) {
    for (const Time end = now + time; now < end; now += step) {
      advance();
      for (std::size_t r = 0; r < ranks_.size(); ++r) tell(static_cast<std::int32_t>(r));
      if (const auto verdict = judge.judge()) return verdict;
    }
    return std::nullopt;
  }

  ProgressJudge judge;
  Time now{};
  std::function<Time()> operation = [this] { return Time(draw(1, 400)); };
  Time tick{300};  // as often an operation moves within

 private:
  void begin_operation() {
    for (Rank& rank : ranks_) {
      rank.beat.phase = Phase::computing;
      rank.left = std::chrono::duration_cast<Time>(operation() * rank.slowness);
      rank.next_tick = tick;
    }
  }

  void advance() {
    bool all_wait = true;
    for (Rank& rank : ranks_) {
      if (!rank.hangs && rank.beat.phase == Phase::computing) compute(rank);
      if (!rank.hangs && rank.beat.phase == Phase::exchanging) ++rank.beat.looks;
      all_wait = all_wait && !rank.hangs && rank.beat.phase == Phase::exchanging;
    }
    if (!all_wait || exchanges_hang) return;
    for (Rank& rank : ranks_) ++rank.beat.finished;
    begin_operation();
  }

  static void compute(Rank& rank) {
    rank.left -= step;
    rank.next_tick -= step;
    if (rank.next_tick <= Time(0)) {
      ++rank.beat.ticks;
      rank.next_tick = Time(300);
    }
    if (rank.left > Time(0)) return;
    ++rank.beat.finished;
    rank.beat.phase = Phase::exchanging;
  }

  void tell(std::int32_t number) {
    Rank& rank = ranks_[static_cast<std::size_t>(number)];
    if (now < rank.next_beat || rank.silent) return;
    rank.next_beat = now + Time(250 + draw(-20, 60));
    judge.hear(number, now, rank.beat);
  }

  std::mt19937_64 random_;
  std::vector<Rank> ranks_;

 public:
  bool exchanges_hang = false;
};

constexpr std::uint64_t seeds = 200;

TEST(ProgressJudge, FindsTheRankThatHangsInAnOperation) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    Job job(seed);
    ASSERT_FALSE(job.run(Time(job.draw(100, 20000))));
    const auto guilty = static_cast<std::int32_t>(job.draw(0, 3));
    while (job.rank(guilty).beat.phase != Phase::computing) ASSERT_FALSE(job.run(step));
    job.rank(guilty).hangs = true;
    const Time hung = job.now;
    const auto verdict = job.run(seconds(20));
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->rank, guilty);
    EXPECT_EQ(verdict->beat.phase, Phase::computing);
    EXPECT_EQ(verdict->beat.finished, job.rank(guilty).beat.finished);
    EXPECT_GT(verdict->still, seconds(5));
    EXPECT_LT(job.now - hung, seconds(8));
  }
}

TEST(ProgressJudge, FindsTheRankThatHangsInAnExchange) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    Job job(seed);
    const auto guilty = static_cast<std::int32_t>(job.draw(0, 3));
    while (job.rank(guilty).beat.phase != Phase::exchanging) ASSERT_FALSE(job.run(step));
    job.rank(guilty).hangs = true;
    const auto verdict = job.run(seconds(20));
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->rank, guilty);
    EXPECT_EQ(verdict->beat.phase, Phase::exchanging);
  }
}

TEST(ProgressJudge, BlamesNobodyWhereOneIsSlowAndTheOthersWaitForIt) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    Job job(seed);
    job.rank(static_cast<int>(job.draw(0, 3))).slowness = static_cast<double>(job.draw(10, 500));
    ASSERT_FALSE(job.run(seconds(90)));
  }
}

TEST(ProgressJudge, ALongFirstOperationThatMovesWithinIsNoHang) {
  Job job(1);
  for (int r = 0; r < 4; ++r) job.rank(r).left = Time(seconds(100 + 40 * r));
  EXPECT_FALSE(job.run(seconds(300)));
  EXPECT_GT(job.rank(0).beat.finished, 2U);
}

TEST(ProgressJudge, IsTenTimesAsPatientAsTheLongestStillnessThatEnded) {
  ProgressJudge judge(1);
  Beat beat{Phase::computing, 1, 0, 0};
  Time now{};
  const auto stand_still = [&](Time time) {
    ++beat.finished;
    for (const Time end = now + time; now <= end; now += Time(250)) {
      judge.hear(0, now, beat);
      if (judge.judge()) return true;
    }
    return false;
  };
  EXPECT_FALSE(stand_still(seconds(4)));
  EXPECT_FALSE(stand_still(seconds(35)));
  EXPECT_FALSE(stand_still(seconds(340)));
  EXPECT_TRUE(stand_still(seconds(3600)));
}

TEST(ProgressJudge, AJobThatIsStoppedAndContinuedAsAWholeLivesOn) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    Job job(seed);
    for (int stop = 0; stop < 3; ++stop) {
      ASSERT_FALSE(job.run(Time(job.draw(0, 5000))));
      job.now += Time(job.draw(1000, 600'000));
      job.judge.forgive(job.now);
    }
    ASSERT_FALSE(job.run(seconds(30)));
    // Nor has the time that it was stopped made anybody patient.
    job.rank(2).hangs = true;
    ASSERT_TRUE(job.run(seconds(8)));
  }
}

TEST(ProgressJudge, SilenceIsNotStillness) {
  Job job(3);
  ASSERT_FALSE(job.run(seconds(2)));
  job.rank(1).silent = true;
  EXPECT_FALSE(job.run(seconds(60)));
}

TEST(ProgressJudge, RanksThatWaitForEachOtherAreFoundOutAndNoneIsBlamed) {
  Job job(4);
  ASSERT_FALSE(job.run(seconds(2)));
  job.exchanges_hang = true;
  const Time hung = job.now;
  const auto verdict = job.run(seconds(60));
  ASSERT_TRUE(verdict);
  EXPECT_FALSE(verdict->rank);
  EXPECT_GT(verdict->still, seconds(30));
  EXPECT_LT(job.now - hung, seconds(32));
}

/// Beats of ranks that stay as they are, but that those which exchange look for the others.
std::optional<Verdict> hold(ProgressJudge& judge, std::vector<Beat> beats, Time time) {
  for (Time now{}; now <= time; now += Time(250)) {
    for (std::size_t r = 0; r < beats.size(); ++r) {
      if (beats[r].phase == Phase::exchanging) ++beats[r].looks;
      judge.hear(static_cast<std::int32_t>(r), now, beats[r]);
    }
    if (const auto verdict = judge.judge()) return verdict;
  }
  return std::nullopt;
}

TEST(ProgressJudge, FollowersMayWaitForARankZeroThatIsNotInTheEngine) {
  ProgressJudge judge(3);
  EXPECT_FALSE(hold(judge, {{Phase::idle}, {Phase::exchanging}, {Phase::exchanging}}, seconds(3600)));
}

TEST(ProgressJudge, WhoHearsOfRankZeroAloneLetsItWaitForOthersThatLoad) {
  ProgressJudge judge(1);
  EXPECT_FALSE(hold(judge, {{Phase::exchanging}}, seconds(3600)));
}

TEST(ProgressJudge, SleepIsNoHang) {
  ProgressJudge judge(3);
  EXPECT_FALSE(hold(judge, {{Phase::idle}, {Phase::idle}, {Phase::idle}}, seconds(3600)));
}

TEST(ProgressJudge, ASlowDiskIsNoHangAndADeadOneIs) {
  ProgressJudge judge(2);
  Beat loading{Phase::loading, 0, 0, 0};
  Beat waiting{Phase::exchanging, 0, 0, 0};
  Time now{};
  for (; now < seconds(600); now += Time(250)) {
    if (now.count() % 50000 == 0) ++loading.ticks;
    ++waiting.looks;
    judge.hear(0, now, waiting);
    judge.hear(1, now, loading);
    ASSERT_FALSE(judge.judge());
  }
  for (const Time stuck = now; !judge.judge(); now += Time(250)) {
    ASSERT_LT(now - stuck, seconds(62));
    ++waiting.looks;
    judge.hear(0, now, waiting);
    judge.hear(1, now, loading);
  }
  EXPECT_EQ(judge.judge()->rank, 1);
}

TEST(ProgressJudge, EveryPhaseThatDoesNotWaitHasALimit) {
  for (const auto& [phase, limit] : {std::pair{Phase::starting, seconds(60)},
                                     {Phase::loading, seconds(60)},
                                     {Phase::measuring, seconds(60)},
                                     {Phase::computing, seconds(5)}}) {
    ProgressJudge judge(2);
    const auto verdict = hold(judge, {{Phase::exchanging}, {phase}}, seconds(100));
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->rank, 1);
    EXPECT_EQ(verdict->still, limit + Time(250));
  }
}

TEST(ProgressJudge, AMarginComesOnTopOfEveryLimit) {
  ProgressJudge judge(1, {.margin = seconds(2)});
  const auto verdict = hold(judge, {{Phase::computing}}, seconds(100));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->still, Time(7250));
}

TEST(ProgressJudge, JudgesThoseThatItHearsOf) {
  // A follower hears of rank 0 only.
  ProgressJudge judge(3);
  EXPECT_FALSE(hold(judge, {{Phase::exchanging}}, seconds(3600)));
  ProgressJudge other(3);
  EXPECT_EQ(hold(other, {{Phase::computing}}, seconds(20))->rank, 0);
}

std::vector<runtime::Place> on_hosts(const std::vector<std::string>& hosts) {
  std::vector<runtime::Place> places;
  for (const std::string& host : hosts) {
    places.emplace_back();
    places.back().rank = static_cast<std::int32_t>(places.size()) - 1;
    places.back().host = host;
  }
  return places;
}

TEST(Verdict, NamesHostOperationAndSeconds) {
  const std::vector<runtime::Place> places = on_hosts({"node1", "node2", "node3"});
  const auto sentence = [&](std::optional<std::int32_t> rank, Phase phase) {
    return sentence_of({rank, {phase, 811, 5, 6}, milliseconds(6900)}, places);
  };
  EXPECT_EQ(sentence(2, Phase::computing), "node3 has been in op 812 for 6 s; the others wait for it");
  EXPECT_EQ(sentence(2, Phase::exchanging),
            "node3 has been stuck in the exchange that is op 812 for 6 s; the others wait for it");
  EXPECT_EQ(sentence(1, Phase::loading),
            "node2 has loaded nothing for 6 s; the others wait for it; does the disk that holds its model "
            "still answer?");
  EXPECT_EQ(sentence(0, Phase::measuring),
            "node1 has been in one measurement for 6 s; the others wait for it");
  EXPECT_EQ(
      sentence({}, Phase::exchanging),
      "all ranks have waited for each other for 6 s, since op 811; is the network between them still up?");
}

TEST(Verdict, NamesTheRankWhereSeveralShareAHost) {
  const Verdict verdict{1, {Phase::computing, 811, 5, 6}, seconds(6)};
  EXPECT_EQ(sentence_of(verdict, on_hosts({"vm", "vm"})),
            "rank 1 on vm has been in op 812 for 6 s; the others wait for it");
}

TEST(Verdict, NamesNoOthersWhereThereAreNone) {
  const Verdict verdict{0, {Phase::computing, 811, 5, 6}, seconds(6)};
  EXPECT_EQ(sentence_of(verdict, on_hosts({"vm"})), "vm has been in op 812 for 6 s");
}

}  // namespace
}  // namespace yoke::cluster
