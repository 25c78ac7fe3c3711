// Requests over which engines crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "runtime/engine_death.h"
#include "runtime/supervisor.h"

namespace yoke::runtime {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

/// Where engines die over a request: before the token at this place of its answer.
struct Fault {
  std::size_t place = 0;
  DeathCause cause = DeathCause::crash;
  int times = 1'000'000;
};
using Faults = std::map<std::uint64_t, Fault>;

/// The token at this place of a request's answer.
Token token_at(std::uint64_t request, std::size_t place) {
  return static_cast<Token>((request * 131 + place * 17) % 1000);
}

/// Gives a token of each request by turns.
class Fragile final : public Engine {
 public:
  explicit Fragile(Faults& faults) : faults_(faults) {}

  EngineInfo info() const override { return {1000, 4096, 4096}; }
  void submit(Request request) override { requests_.push_back(std::move(request)); }
  void cancel(std::uint64_t id) override {
    std::erase_if(requests_, [&](const Request& each) { return each.id == id; });
    done_.push_back({id, FinishReason::cancelled, {}});
  }
  std::optional<Event> next(milliseconds) override {
    if (!done_.empty()) {
      const DoneEvent done = done_.front();
      done_.pop_front();
      return done;
    }
    if (requests_.empty()) return std::nullopt;
    Request request = std::move(requests_.front());
    requests_.pop_front();
    const std::size_t given = request.given.empty() ? 1 : static_cast<std::size_t>(request.given[0].end);
    const std::size_t place = request.prompt.size() - given;
    die_of(request.id, place);
    const Token token = token_at(request.id, place);
    const std::uint64_t id = request.id;
    request.given = {{0, static_cast<std::int32_t>(given)}};
    request.prompt.push_back(token);
    if (--request.max_tokens == 0) {
      done_.push_back({id, FinishReason::length, {}});
    } else {
      requests_.push_back(std::move(request));
    }
    return TokenEvent{id, token};
  }
  std::vector<RankReport> reports() override { return {}; }
  std::vector<rates::Roofline> measure_rooflines() override { return {}; }

 private:
  void die_of(std::uint64_t id, std::size_t place) {
    const auto fault = faults_.find(id);
    if (fault == faults_.end() || fault->second.place != place || fault->second.times == 0) return;
    --fault->second.times;
    throw EngineDeath("rank 1 was lost: ended by a signal", fault->second.cause);
  }

  Faults& faults_;
  std::deque<Request> requests_;
  std::deque<DoneEvent> done_;
};

/// Requests 1 … n, of one prompt token and so many of an answer, asked of engines with such faults.
class Trial {
 public:
  Trial(int requests, Faults faults) : faults_(std::move(faults)), supervisor_(make()) {
    for (int id = 1; id <= requests; ++id) submit(static_cast<std::uint64_t>(id));
  }

  void submit(std::uint64_t id) {
    Request request;
    request.id = id;
    request.prompt = {7};
    request.max_tokens = length;
    supervisor_.submit(std::move(request));
  }
  Supervisor* operator->() { return &supervisor_; }

  void drain() {
    while (std::optional<Event> event = supervisor_.next(milliseconds(0))) note(*event);
  }
  void note(const Event& event) {
    if (const auto* token = std::get_if<TokenEvent>(&event)) tokens[token->request].push_back(token->token);
    if (const auto* failed = std::get_if<FailedEvent>(&event)) failures[failed->request] = failed->sentence;
    if (const auto* over = std::get_if<DoneEvent>(&event)) done[over->request] = over->reason;
  }
  void expect_whole(std::uint64_t id) const {
    ASSERT_TRUE(tokens.contains(id)) << id;
    ASSERT_EQ(tokens.at(id).size(), length) << id;
    for (std::size_t i = 0; i < length; ++i) EXPECT_EQ(tokens.at(id)[i], token_at(id, i)) << id << ", " << i;
    EXPECT_FALSE(failures.contains(id));
  }

  static constexpr std::size_t length = 12;
  std::map<std::uint64_t, std::vector<Token>> tokens;
  std::map<std::uint64_t, std::string> failures;
  std::map<std::uint64_t, FinishReason> done;
  int launches = 0;

 private:
  Supervisor make() {
    SupervisorOptions options;
    options.launch = [this] {
      ++launches;
      return std::make_unique<Fragile>(faults_);
    };
    options.lost = [](const std::string&) {};
    options.wait = [](milliseconds) {};
    return {std::make_unique<Fragile>(faults_), std::move(options)};
  }

  Faults faults_;
  Supervisor supervisor_;
};

TEST(SupervisorCrash, ARequestOverWhichEnginesCrashTwiceFailsAndTheOthersGoOn) {
  for (std::size_t place = 0; place < Trial::length; ++place) {
    Trial trial(4, {{3, {place}}});
    trial.drain();
    for (const std::uint64_t id : {1, 2, 4}) trial.expect_whole(id);
    EXPECT_EQ(trial.tokens[3].size(), place);
    EXPECT_THAT(trial.failures[3], AllOf(HasSubstr("crashed twice"), HasSubstr("rank 1 was lost")));
    EXPECT_LE(trial.launches, 3);
  }
}

TEST(SupervisorCrash, ACrashThatDoesNotComeAgainIsForgotten) {
  Trial trial(4, {{3, {5, DeathCause::crash, 1}}});
  trial.drain();
  for (const std::uint64_t id : {1, 2, 3, 4}) trial.expect_whole(id);
  EXPECT_EQ(trial.launches, 1);
}

TEST(SupervisorCrash, ALossCountsAgainstNobodyHoweverOften) {
  Trial trial(3, {{2, {4, DeathCause::loss, Supervisor::most_deaths}}});
  trial.drain();
  for (const std::uint64_t id : {1, 2, 3}) trial.expect_whole(id);
  EXPECT_EQ(trial.launches, Supervisor::most_deaths);
}

TEST(SupervisorCrash, OneRequestAfterTheOtherMayBeGuilty) {
  Trial trial(6, {{1, {3}}, {2, {3}}, {4, {0}}, {6, {11}}});
  trial.drain();
  for (const std::uint64_t id : {3, 5}) trial.expect_whole(id);
  EXPECT_EQ(trial.failures.size(), 4U);
}

TEST(SupervisorCrash, WhoGoesOnBesideTheOneOnTrialIsNotTakenForIt) {
  // 2 crashes once more while 3 is on trial beside it, which stands where it did at the first crash.
  Trial trial(3, {{1, {4, DeathCause::crash, 1}}, {2, {5, DeathCause::crash, 1}}});
  trial.drain();
  for (const std::uint64_t id : {1, 2, 3}) trial.expect_whole(id);
  EXPECT_EQ(trial.launches, 2);
}

TEST(SupervisorCrash, WhatComesDuringATrialWaitsAndCanBeCancelled) {
  Trial trial(2, {{1, {2}}});
  while (trial.launches == 0) trial.note(trial->next(milliseconds(0)).value());
  trial.submit(8);
  trial.submit(9);
  trial->cancel(9);
  trial.drain();
  trial.expect_whole(2);
  trial.expect_whole(8);
  EXPECT_EQ(trial.done[9], FinishReason::cancelled);
  EXPECT_THAT(trial.tokens[9], IsEmpty());
  EXPECT_TRUE(trial.failures.contains(1));
}

TEST(SupervisorCrash, WhateverCrashesWhereverOnlyThoseFailThatCrash) {
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    Faults faults;
    for (std::uint64_t id = 1; id <= 8; ++id) {
      if (random() % 3 != 0) continue;
      const auto cause = random() % 3 == 0 ? DeathCause::loss : DeathCause::crash;
      const bool always = cause == DeathCause::crash && random() % 2 == 0;
      faults[id] = {random() % Trial::length, cause, always ? 1'000'000 : 1};
    }
    Trial trial(8, faults);
    trial.drain();
    for (std::uint64_t id = 1; id <= 8; ++id) {
      const bool crashes = faults.contains(id) && faults[id].cause == DeathCause::crash;
      const bool always = crashes && faults[id].times > 1;
      if (always) {
        ASSERT_TRUE(trial.failures.contains(id)) << "round " << round << ", request " << id;
      }
      // One that crashes once may do so alone, where it stood when another had crashed.
      if (!crashes) {
        ASSERT_FALSE(trial.failures.contains(id)) << "round " << round << ", request " << id;
      }
      if (!trial.failures.contains(id)) trial.expect_whole(id);
    }
  }
}

}  // namespace
}  // namespace yoke::runtime
