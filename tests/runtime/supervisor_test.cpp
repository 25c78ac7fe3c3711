#include "runtime/supervisor.h"

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

namespace yoke::runtime {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

/// The token after these: it follows from all of them, and so from no engine's memory.
Token after(const std::vector<Token>& tokens) {
  std::uint32_t state = 17;
  for (const Token token : tokens) state = state * 31 + static_cast<std::uint32_t>(token);
  return static_cast<Token>(state % 1000);
}

std::vector<Token> undisturbed(const Request& request) {
  std::vector<Token> tokens = request.prompt, drawn;
  while (std::ssize(drawn) < request.max_tokens) {
    drawn.push_back(after(tokens));
    tokens.push_back(drawn.back());
  }
  return drawn;
}

/// Gives a token of each request by turns, and dies after so many events.
class Mortal final : public Engine {
 public:
  /// Appends the deadline of each request to `deadlines`.
  Mortal(int events, std::vector<std::int32_t>& deadlines) : left_(events), deadlines_(deadlines) {}

  EngineInfo info() const override { return {1000, 4096, 4096}; }
  void submit(Request request) override {
    breathe();
    deadlines_.push_back(request.deadline_milliseconds);
    requests_.push_back(std::move(request));
  }
  void cancel(std::uint64_t id) override {
    breathe();
    for (auto request = requests_.begin(); request != requests_.end(); ++request) {
      if (request->id != id) continue;
      events_.push_back(DoneEvent{id, FinishReason::cancelled, {}});
      requests_.erase(request);
      return;
    }
  }
  std::optional<Event> next(milliseconds) override {
    if (events_.empty() && requests_.empty()) return std::nullopt;
    breathe();
    --left_;
    if (events_.empty()) work();
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  std::vector<RankReport> reports() override {
    breathe();
    return {};
  }
  std::vector<rates::Roofline> measure_rooflines() override { return {}; }

 private:
  void breathe() const {
    if (left_ <= 0) throw Error("rank 1 was lost");
  }
  void work() {
    Request request = std::move(requests_.front());
    requests_.pop_front();
    if (request.report == PromptReport::logits) {
      events_.push_back(LogitsEvent{request.id, request.report_from, std::vector<float>(1000)});
      if (++request.report_from == static_cast<std::int32_t>(request.prompt.size()))
        return events_.push_back(DoneEvent{request.id, FinishReason::length, {}});
    } else {
      request.prompt.push_back(after(request.prompt));
      events_.push_back(TokenEvent{request.id, request.prompt.back()});
      if (--request.max_tokens == 0)
        return events_.push_back(DoneEvent{request.id, FinishReason::length, {}});
    }
    requests_.push_back(std::move(request));
  }

  int left_;
  std::vector<std::int32_t>& deadlines_;
  std::deque<Request> requests_;
  std::deque<Event> events_;
};

/// A supervisor of engines that give so many events each; −1 stands for one that does not start. After the
/// last comes no other.
class Lives {
 public:
  explicit Lives(std::deque<int> events) : events_(std::move(events)), supervisor_(make()) {}

  Supervisor& operator*() { return supervisor_; }
  Supervisor* operator->() { return &supervisor_; }
  const std::vector<std::string>& losses() const { return losses_; }
  const std::vector<long>& waits() const { return waits_; }
  /// Of requests, in the order in which the engines were given them.
  const std::vector<std::int32_t>& deadlines() const { return deadlines_; }
  /// Makes every death last so long.
  void lie_dead(milliseconds span) { dead_ = span; }

  /// All that comes until nothing is in flight.
  std::map<std::uint64_t, std::vector<Token>> drain() {
    std::map<std::uint64_t, std::vector<Token>> tokens;
    while (const std::optional<Event> event = supervisor_.next(milliseconds(0))) {
      if (const auto* token = std::get_if<TokenEvent>(&*event))
        tokens[token->request].push_back(token->token);
      if (const auto* rows = std::get_if<LogitsEvent>(&*event))
        tokens[rows->request].push_back(rows->first_position);
      if (const auto* done = std::get_if<DoneEvent>(&*event)) done_[done->request] = *done;
    }
    return tokens;
  }
  const DoneEvent& done(std::uint64_t id) const { return done_.at(id); }

 private:
  std::unique_ptr<Engine> launch() {
    require(!events_.empty(), "no machine is left");
    const int events = events_.front();
    events_.pop_front();
    require(events >= 0, "it does not start");
    return std::make_unique<Mortal>(events, deadlines_);
  }
  Supervisor make() {
    SupervisorOptions options;
    options.launch = [this] { return launch(); };
    options.lost = [this](const std::string& sentence) { losses_.push_back(sentence); };
    options.wait = [this](milliseconds pause) {
      waits_.push_back(pause.count());
      const auto end = std::chrono::steady_clock::now() + dead_;
      while (std::chrono::steady_clock::now() < end) continue;
    };
    return {launch(), std::move(options)};
  }

  std::deque<int> events_;
  std::vector<std::string> losses_;
  std::vector<long> waits_;
  std::vector<std::int32_t> deadlines_;
  milliseconds dead_{0};
  std::map<std::uint64_t, DoneEvent> done_;
  Supervisor supervisor_;
};

Request request(std::uint64_t id, std::vector<Token> prompt, std::int32_t max_tokens) {
  Request request;
  request.id = id;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  return request;
}

TEST(Supervisor, TextsGoOnWhereverAnEngineDies) {
  const Request one = request(1, {4, 5}, 9), two = request(2, {6}, 7);
  for (int first = 1; first <= 18; ++first) {
    for (const int second : {1, 2, 3, 7}) {
      Lives lives({first, second, 1000});
      lives->submit(one);
      lives->submit(two);
      auto tokens = lives.drain();
      EXPECT_EQ(tokens[1], undisturbed(one)) << first << ", " << second;
      EXPECT_EQ(tokens[2], undisturbed(two)) << first << ", " << second;
      EXPECT_EQ(lives.done(1).reason, FinishReason::length);
      EXPECT_LE(lives.losses().size(), 2);
    }
  }
}

TEST(Supervisor, TextsOfManyRequestsOutliveManyDeaths) {
  std::mt19937 random(11);
  for (int trial = 0; trial < 200; ++trial) {
    std::deque<int> events;
    for (int i = 0; i < 200; ++i) events.push_back(1 + static_cast<int>(random() % 9));
    events.push_back(100'000);
    Lives lives(std::move(events));
    std::vector<Request> asked;
    for (std::uint64_t id = 1; id <= 8; ++id) {
      asked.push_back(
          request(id, {static_cast<Token>(random() % 1000)}, 1 + static_cast<int>(random() % 20)));
      lives->submit(asked.back());
    }
    auto tokens = lives.drain();
    for (const Request& each : asked) ASSERT_EQ(tokens[each.id], undisturbed(each)) << "trial " << trial;
  }
}

TEST(Supervisor, TellsWhatHappenedAndCountsTheWholeText) {
  Lives lives({3, 1000});
  lives->submit(request(1, {4, 5}, 9));
  lives.drain();
  EXPECT_THAT(lives.losses(), ElementsAre("rank 1 was lost"));
  EXPECT_EQ(lives.done(1).statistics.prompt_tokens, 2);
  EXPECT_EQ(lives.done(1).statistics.generated_tokens, 9);
}

TEST(Supervisor, AReportIsToldOnce) {
  Lives lives({3, 2, 1000});
  Request reporting = request(1, std::vector<Token>(12), 0);
  reporting.report = PromptReport::logits;
  reporting.report_from = 2;
  lives->submit(reporting);
  EXPECT_THAT(lives.drain()[1], ElementsAre(2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(Supervisor, WhatWasCancelledStaysSo) {
  Lives lives({1, 1000});
  lives->submit(request(1, {4}, 100));
  lives->submit(request(2, {5}, 3));
  EXPECT_TRUE(lives->next(milliseconds(0)));
  lives->cancel(1);  // of an engine that is dead
  auto tokens = lives.drain();
  EXPECT_EQ(lives.done(1).reason, FinishReason::cancelled);
  EXPECT_TRUE(tokens[1].empty());
  EXPECT_EQ(tokens[2], undisturbed(request(2, {5}, 3)));
}

TEST(Supervisor, WhatIsLeftOfADeadlineIsAskedOfTheNextEngine) {
  constexpr std::int32_t hour = 3'600'000;
  Lives lives({2, 1000});
  lives.lie_dead(milliseconds(3));
  Request one = request(1, {4, 5}, 9);
  one.deadline_milliseconds = hour;
  lives->submit(one);
  lives->submit(request(2, {6}, 3));
  EXPECT_EQ(lives.drain()[1], undisturbed(one));
  ASSERT_EQ(lives.deadlines().size(), 4U);
  EXPECT_EQ(lives.deadlines()[0], hour);
  EXPECT_LE(lives.deadlines()[2], hour - 3);
  EXPECT_GT(lives.deadlines()[2], hour / 2);
  EXPECT_EQ(lives.deadlines()[3], 0) << "it has none";
}

TEST(Supervisor, ADeadlineThatIsOverWhileNoEngineLivesEndsTheRequest) {
  Lives lives({3, 1000});
  lives.lie_dead(milliseconds(3));
  Request one = request(1, {4, 5}, 9);
  one.deadline_milliseconds = 2;
  lives->submit(one);
  lives->submit(request(2, {6}, 7));
  auto tokens = lives.drain();
  EXPECT_EQ(lives.done(1).reason, FinishReason::deadline);
  EXPECT_EQ(lives.done(1).statistics.generated_tokens, 2);
  EXPECT_EQ(tokens[1].size(), 2U);
  EXPECT_EQ(tokens[2], undisturbed(request(2, {6}, 7)));
}

TEST(Supervisor, AnEngineThatDiesAtRestComesBackWithTheNextQuestion) {
  Lives lives({0, 1000});
  EXPECT_TRUE(lives->reports().empty());
  EXPECT_EQ(lives.losses().size(), 1);
  lives->submit(request(1, {4}, 3));
  EXPECT_EQ(lives.drain()[1].size(), 3);
}

TEST(Supervisor, TriesAgainWhereAnEngineDoesNotStart) {
  Lives lives({2, -1, -1, 1000});
  const Request one = request(1, {4, 5}, 9);
  lives->submit(one);
  EXPECT_EQ(lives.drain()[1], undisturbed(one));
  EXPECT_THAT(lives.losses(), ElementsAre("rank 1 was lost", "it does not start", "it does not start"));
  EXPECT_THAT(lives.waits(), ElementsAre(0, 1000, 4000));
}

TEST(Supervisor, GivesUpWhereEngineAfterEngineDiesWithoutAnEvent) {
  Lives lives({2, 0, 0, 0, 0, 0});
  lives->submit(request(1, {4, 5}, 9));
  try {
    lives.drain();
    FAIL() << "it goes on";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "rank 1 was lost");
  }
  EXPECT_EQ(lives.losses().size(), Supervisor::most_deaths);
}

TEST(Supervisor, AnIdThatIsInFlightIsRefusedAndTheFirstRequestOutlivesItsEngine) {
  Lives lives({2, 1000});
  const Request one = request(1, {4, 5}, 9);
  lives->submit(one);
  lives->submit(request(1, {9}, 2));
  EXPECT_TRUE(std::holds_alternative<FailedEvent>(lives->next(milliseconds(0)).value()));
  EXPECT_EQ(lives.drain()[1], undisturbed(one));
}

TEST(RestOf, KeepsWhatWasGivenApartFromWhatCame) {
  Request request;
  request.prompt = {1, 2, 3};
  request.max_tokens = 10;
  request.deadline_milliseconds = 1000;
  const Request rest = rest_of(request, {8, 9}, 0, milliseconds(400));
  EXPECT_THAT(rest.prompt, ElementsAre(1, 2, 3, 8, 9));
  EXPECT_THAT(rest.given, ElementsAre(Stretch{0, 3}));
  EXPECT_EQ(rest.max_tokens, 8);
  EXPECT_EQ(rest.deadline_milliseconds, 600);
}

}  // namespace
}  // namespace yoke::runtime
