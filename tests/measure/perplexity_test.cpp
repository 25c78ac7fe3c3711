#include "measure/perplexity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>
#include <random>

#include "base/error.h"
#include "common/error_of.h"
#include "runtime/run_engine.h"

namespace yoke::measure {
namespace {

using runtime::Engine;
using runtime::Event;
using runtime::Request;
using runtime::Token;
using testing::HasSubstr;

constexpr std::int32_t length = 8;

/// Gives the token at each position of a window the probability that it was told, in reports of at most
/// three.
class Foreseer final : public Engine {
 public:
  explicit Foreseer(std::vector<float> probabilities) : probabilities_(std::move(probabilities)) {}

  runtime::EngineInfo info() const override { return {1000, 2 * length, 2 * length}; }
  void submit(Request request) override {
    EXPECT_EQ(request.report, runtime::PromptReport::log_probabilities);
    EXPECT_EQ(request.max_tokens, 0);
    ++in_flight_;
    most_in_flight = std::max(most_in_flight, in_flight_);
    for (std::int32_t first = 1; first < length; first += 3) {
      runtime::LogProbabilitiesEvent event{request.id, first, {}};
      for (std::int32_t p = first; p < std::min(first + 3, length); ++p) {
        event.values.push_back(std::log(probabilities_[static_cast<std::size_t>(p)]));
      }
      script.emplace_back(event);
    }
    script.emplace_back(runtime::DoneEvent{request.id, runtime::FinishReason::length, {}});
    prompts.push_back(std::move(request.prompt));
  }
  void cancel(std::uint64_t) override {}
  std::optional<Event> next(std::chrono::milliseconds) override {
    if (script.empty()) throw Error("rank 2 was lost");
    Event event = script.front();
    script.pop_front();
    if (std::holds_alternative<runtime::DoneEvent>(event)) --in_flight_;
    return event;
  }
  std::vector<runtime::RankReport> reports() override { return {}; }
  std::vector<rates::Roofline> measure_rooflines() override { return {}; }

  std::deque<Event> script;
  std::vector<std::vector<Token>> prompts;
  int most_in_flight = 0;

 private:
  std::vector<float> probabilities_;
  int in_flight_ = 0;
};

std::vector<Token> some_text(std::int32_t tokens, Token vocabulary = 1000) {
  std::mt19937 random(1);
  std::vector<Token> text(static_cast<std::size_t>(tokens));
  for (Token& token : text) token = static_cast<Token>(random() % static_cast<unsigned>(vocabulary));
  return text;
}

void ignore(std::int32_t, const Perplexity&) {}

std::string error_with(Engine& engine) {
  return error_of([&] { measure_perplexity(engine, {some_text(3 * length), length, std::nullopt}, ignore); });
}

std::string error_with_rows(Engine& engine) {
  return error_of([&] {
    measure_perplexity(engine, {some_text(3 * length), length, std::nullopt}, ignore,
                       [](const ScoredRow&) {});
  });
}

TEST(Perplexity, OfAGuessAmongSixteenIsSixteen) {
  Perplexity perplexity;
  for (int i = 0; i < 100; ++i) perplexity.add(std::log(1.0 / 16));
  EXPECT_EQ(perplexity.tokens(), 100);
  EXPECT_NEAR(perplexity.value(), 16, 1e-12);
  EXPECT_NEAR(perplexity.standard_error(), 0, 1e-6);
}

TEST(Perplexity, HasTheStandardErrorOfItsMean) {
  // −ln p of 1, 2, 3 and 6: mean 3, variance 14/4, of the mean 3.5/3.
  Perplexity perplexity;
  for (const double nats : {1.0, 2.0, 3.0, 6.0}) perplexity.add(-nats);
  EXPECT_DOUBLE_EQ(perplexity.value(), std::exp(3.0));
  EXPECT_DOUBLE_EQ(perplexity.standard_error(), std::exp(3.0) * std::sqrt(3.5 / 3));
}

TEST(Perplexity, OfOneTokenHasNoError) {
  Perplexity perplexity;
  perplexity.add(-1);
  EXPECT_EQ(perplexity.standard_error(), 0);
}

TEST(MeasurePerplexity, CountsTheTokensBehindTheMiddleOnly) {
  // Of a window of 8, those at 5, 6 and 7: probabilities 1/2, 1/4 and 1/8 have the geometric mean 1/4.
  Foreseer engine({0.9f, 0.9f, 0.9f, 0.9f, 0.01f, 0.5f, 0.25f, 0.125f});
  std::vector<std::int32_t> steps;
  const Perplexity perplexity = measure_perplexity(engine, {some_text(5 * length + 3), length, 1},
                                                   [&](std::int32_t windows, const Perplexity& so_far) {
                                                     steps.push_back(windows);
                                                     EXPECT_NEAR(so_far.value(), 4, 1e-6);
                                                     EXPECT_EQ(so_far.tokens(), 3 * windows);
                                                   });
  EXPECT_EQ(perplexity.tokens(), 15);
  EXPECT_NEAR(perplexity.value(), 4, 1e-6);
  EXPECT_EQ(steps, (std::vector<std::int32_t>{1, 2, 3, 4, 5}));
  ASSERT_EQ(engine.prompts.size(), 5);
  for (const std::vector<Token>& prompt : engine.prompts) EXPECT_EQ(prompt.front(), 1);
}

TEST(MeasurePerplexity, KeepsTheEngineBusyButDoesNotFloodIt) {
  Foreseer engine(std::vector<float>(length, 0.5f));
  measure_perplexity(engine, {some_text(20 * length), length, std::nullopt}, ignore);
  EXPECT_EQ(engine.prompts.size(), 20);
  EXPECT_EQ(engine.most_in_flight, 3);  // two fit, and one waits
}

TEST(MeasurePerplexity, ARefusalIsAnError) {
  Foreseer engine(std::vector<float>(length, 0.5f));
  engine.script.emplace_back(runtime::FailedEvent{0, "token 7 is out of range"});
  EXPECT_EQ(error_with(engine), "token 7 is out of range");
}

TEST(MeasurePerplexity, WhatIsNoNumberIsAnErrorThatNamesTheToken) {
  std::vector<float> probabilities(length, 0.5f);
  probabilities[6] = std::numeric_limits<float>::quiet_NaN();
  Foreseer broken(probabilities);
  EXPECT_EQ(error_with(broken), "the model gave no number as the probability of token 6 in window 0");
}

TEST(MeasurePerplexity, AMissingReportIsAnError) {
  Foreseer engine(std::vector<float>(length, 0.5f));
  engine.script.emplace_back(runtime::DoneEvent{0, runtime::FinishReason::length, {}});
  EXPECT_THAT(error_with(engine), HasSubstr("token 5 in window 0"));
}

TEST(MeasurePerplexity, AReportOutsideTheWindowIsAnError) {
  for (const std::int32_t first : {-1, 0, length - 1, std::numeric_limits<std::int32_t>::max()}) {
    Foreseer engine(std::vector<float>(length, 0.5f));
    engine.script.emplace_back(runtime::LogProbabilitiesEvent{0, first, {-1, -1}});
    EXPECT_THAT(error_with(engine), HasSubstr("of a window of 8")) << first;
  }
}

TEST(MeasurePerplexity, TheDeathOfTheEngineIsAnError) {
  class Dead final : public Engine {
    runtime::EngineInfo info() const override { return {1000, length, length}; }
    void submit(Request) override {}
    void cancel(std::uint64_t) override {}
    std::optional<Event> next(std::chrono::milliseconds) override { throw Error("rank 2 was lost"); }
    std::vector<runtime::RankReport> reports() override { return {}; }
    std::vector<rates::Roofline> measure_rooflines() override { return {}; }
  };
  Dead engine;
  EXPECT_EQ(error_with(engine), "rank 2 was lost");
}

/// Of a vocabulary of four, the logits that it was told; two windows of 8 tokens at a time.
class RowTeller final : public Engine {
 public:
  runtime::EngineInfo info() const override { return {4, 2 * length, 2 * length}; }
  void submit(Request request) override {
    EXPECT_EQ(request.report, runtime::PromptReport::logits);
    EXPECT_EQ(request.report_from, 4);
    // The rows of two positions, and that of the last one but one and the last, which nothing follows.
    script.emplace_back(runtime::LogitsEvent{request.id, 4, row(request.id, 4, 2)});
    script.emplace_back(runtime::LogitsEvent{request.id, 6, row(request.id, 6, 2)});
    script.emplace_back(runtime::DoneEvent{request.id, runtime::FinishReason::length, {}});
  }
  void cancel(std::uint64_t) override {}
  std::optional<Event> next(std::chrono::milliseconds) override {
    if (script.empty()) throw Error("rank 2 was lost");
    Event event = script.front();
    script.pop_front();
    return event;
  }
  std::vector<runtime::RankReport> reports() override { return {}; }
  std::vector<rates::Roofline> measure_rooflines() override { return {}; }

  static std::vector<float> row(std::uint64_t window, std::int32_t position, int rows) {
    std::vector<float> logits;
    for (int i = 0; i < 4 * rows; ++i)
      logits.push_back(static_cast<float>((position + i) * (static_cast<int>(window) + 1) % 5));
    return logits;
  }

  std::deque<Event> script;
};

TEST(MeasurePerplexity, TellsOfEachRowThatCountsInTheOrderOfTheText) {
  RowTeller engine;
  const std::vector<Token> text = some_text(3 * length, 4);
  std::vector<std::vector<float>> rows;
  std::vector<Token> targets;
  double nats = 0;
  const Perplexity perplexity =
      measure_perplexity(engine, {text, length, std::nullopt}, ignore, [&](const ScoredRow& row) {
        rows.emplace_back(row.logits.begin(), row.logits.end());
        targets.push_back(row.target);
        nats -= row.log_probability;
      });
  ASSERT_EQ(rows.size(), 9);
  double expected = 0;
  for (std::size_t i = 0; i < 9; ++i) {
    const auto window = static_cast<std::uint64_t>(i / 3);
    const auto position = static_cast<std::int32_t>(4 + i % 3);
    const std::vector<float> both = RowTeller::row(window, position / 2 * 2, 2);
    const auto first = both.begin() + position % 2 * 4;
    const std::vector<float> row(first, first + 4);
    EXPECT_EQ(rows[i], row) << i;
    const Token target = text[window * length + static_cast<std::size_t>(position) + 1];
    EXPECT_EQ(targets[i], target) << i;
    double sum = 0;
    for (const float logit : row) sum += std::exp(static_cast<double>(logit));
    expected += std::log(sum) - static_cast<double>(row[static_cast<std::size_t>(target)]);
  }
  EXPECT_NEAR(nats, expected, 1e-12);
  EXPECT_EQ(perplexity.tokens(), 9);
  EXPECT_NEAR(perplexity.value(), std::exp(expected / 9), 1e-12);
}

TEST(MeasurePerplexity, RowsThatAreMissingRepeatedOrNoNumbersAreErrors) {
  const std::vector<float> row(4, 1);
  {
    RowTeller engine;
    engine.script.emplace_back(runtime::LogitsEvent{0, 5, row});
    EXPECT_EQ(
        error_with_rows(engine),
        "the engine reported the logits of token 6 in window 0 where those of token 5 in window 0 were due");
  }
  {
    RowTeller engine;
    engine.script.emplace_back(runtime::LogitsEvent{1, 4, row});
    EXPECT_EQ(
        error_with_rows(engine),
        "the engine reported the logits of token 5 in window 1 where those of token 5 in window 0 were due");
  }
  {
    RowTeller engine;
    engine.script.emplace_back(runtime::LogitsEvent{0, 4, {1, 2, 3}});
    EXPECT_EQ(error_with_rows(engine), "the engine reported 3 logits, which are no whole rows of 4");
  }
  {
    RowTeller engine;
    engine.script.emplace_back(runtime::DoneEvent{0, runtime::FinishReason::length, {}});
    EXPECT_EQ(error_with_rows(engine), "the engine ended window 0 before token 5 of window 0");
  }
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    RowTeller engine;
    engine.script.emplace_back(runtime::LogitsEvent{0, 4, {1, 2, bad, 1}});
    EXPECT_EQ(error_with_rows(engine), "the model gave no number as the probability of token 5 in window 0");
  }
}

/// The logits of a window, (positions, vocabulary).
std::vector<float> logits_of(Engine& engine, const std::vector<Token>& tokens) {
  Request request;
  request.id = 1000;
  request.prompt = tokens;
  request.report = runtime::PromptReport::logits;
  engine.submit(std::move(request));
  std::vector<float> logits;
  while (const std::optional<Event> event = engine.next(std::chrono::seconds(60))) {
    if (const auto* rows = std::get_if<runtime::LogitsEvent>(&*event))
      logits.insert(logits.end(), rows->logits.begin(), rows->logits.end());
    if (std::holds_alternative<runtime::DoneEvent>(*event)) break;
  }
  return logits;
}

/// By the definition, from whole rows of logits.
double naive_perplexity(Engine& engine, const std::vector<Token>& text, std::size_t window, Token bos) {
  const auto vocabulary = static_cast<std::size_t>(engine.info().vocabulary);
  double sum = 0;
  std::size_t counted = 0;
  for (std::size_t begin = 0; begin + window <= text.size(); begin += window) {
    std::vector<Token> tokens(text.begin() + static_cast<std::ptrdiff_t>(begin),
                              text.begin() + static_cast<std::ptrdiff_t>(begin + window));
    tokens[0] = bos;
    const std::vector<float> logits = logits_of(engine, tokens);
    for (std::size_t position = window / 2; position + 1 < window; ++position) {
      const float* row = logits.data() + position * vocabulary;
      const double highest = *std::max_element(row, row + vocabulary);
      const double total = std::accumulate(row, row + vocabulary, 0.0, [&](double t, float logit) {
        return t + std::exp(double{logit} - highest);
      });
      sum += highest + std::log(total) - double{row[tokens[position + 1]]};
      ++counted;
    }
  }
  return std::exp(sum / static_cast<double>(counted));
}

TEST(MeasurePerplexity, IsWhatTheLogitsOfTheModelSay) {
  constexpr std::int32_t window = 50;  // no multiple of a page
  const std::vector<Token> text = some_text(4 * window + 20, 2048);
  for (const int ranks : {1, 2, 3}) {
    runtime::RankOptions options = runtime::demo_options();
    options.engine.context = 128;
    runtime::with_engine(ranks, options, [&](Engine& engine) {
      const Perplexity perplexity = measure_perplexity(engine, {text, window, 0}, ignore);
      EXPECT_EQ(perplexity.tokens(), 4 * 24);
      const double expected = naive_perplexity(engine, text, window, 0);
      EXPECT_NEAR(perplexity.value() / expected, 1, 1e-5) << ranks << " ranks";
      std::int64_t rows = 0;
      const Perplexity from_rows =
          measure_perplexity(engine, {text, window, 0}, ignore, [&](const ScoredRow&) { ++rows; });
      EXPECT_EQ(rows, 4 * 24);
      EXPECT_NEAR(from_rows.value() / expected, 1, 1e-12) << ranks << " ranks";
    });
  }
}

}  // namespace
}  // namespace yoke::measure
