#include "runtime/request_check.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace yoke::runtime {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

Request plain() {
  Request request;
  request.prompt = {1, 2, 3};
  request.max_tokens = 5;
  return request;
}

std::string sentence(const std::function<void(Request&)>& spoil) {
  Request request = plain();
  spoil(request);
  return refusal(request, 100, 200).value_or("");
}
std::string sampling_sentence(const std::function<void(Sampling&)>& spoil) {
  return sentence([&](Request& request) { spoil(request.sampling); });
}

TEST(Refusal, SaysWhatIsWrongWithTheTokens) {
  EXPECT_EQ(sentence([](Request& r) { r.prompt.clear(); }),
            "the prompt is empty; expected at least one token");
  EXPECT_EQ(sentence([](Request& r) { r.prompt.assign(201, 1); }),
            "the prompt has 201 tokens, but the context holds 200");
  EXPECT_EQ(sentence([](Request& r) { r.prompt[2] = 100; }),
            "token 100 is out of range; the vocabulary has ids 0 to 99");
  EXPECT_EQ(sentence([](Request& r) { r.prompt[0] = -1; }),
            "token -1 is out of range; the vocabulary has ids 0 to 99");
  EXPECT_EQ(sentence([](Request& r) { r.max_tokens = -1; }), "-1 tokens were asked for; expected 0 or more");
  for (const PromptReport report : {PromptReport::logits, PromptReport::log_probabilities}) {
    EXPECT_EQ(sentence([&](Request& r) { r.report = report; }),
              "a report on the prompt was asked for together with 5 tokens to generate; expected 0");
  }
  EXPECT_EQ(sentence([](Request& r) { r.report_from = -1; }),
            "a report from position -1 on was asked for; expected 0 or more");
  const auto said = [](std::vector<Stretch> given) { return sentence([&](Request& r) { r.given = given; }); };
  EXPECT_EQ(said({{0, 1}, {2, 3}}), "");
  EXPECT_EQ(
      said({{1, 4}}),
      "positions 1 to 3 of 3 are said to have been given at once; expected some of them, after position -1");
  EXPECT_THAT(said({{-1, 2}}), testing::StartsWith("positions -1 to 1 of 3 are said"));
  EXPECT_THAT(said({{1, 1}}), testing::StartsWith("positions 1 to 0 of 3 are said"));
  EXPECT_THAT(said({{0, 1}, {1, 2}}), testing::HasSubstr("expected some of them, after position 1"));
  EXPECT_EQ(sentence([](Request& r) { r.vocabulary_limit = -1; }),
            "ids below -1 were asked for; the vocabulary has 100");
  EXPECT_EQ(sentence([](Request& r) { r.vocabulary_limit = 101; }),
            "ids below 101 were asked for; the vocabulary has 100");
  EXPECT_EQ(sentence([](Request& r) { r.deadline_milliseconds = -1; }),
            "a deadline of -1 ms was asked for; expected 0 (none) or more");
  for (const std::int32_t odd : {-2, 21}) {
    EXPECT_EQ(sentence([&](Request& r) { r.log_probabilities = odd; }),
              fmt::format("the log-probabilities of {} alternatives were asked for with each token; expected "
                          "0 to 20, or -1 for none at all",
                          odd));
  }
}

TEST(Refusal, SaysWhatIsWrongWithTheSampling) {
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.temperature = -1; }),
            "the temperature is -1; expected 0 or a positive number");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.temperature = nan; }),
            "the temperature is nan; expected 0 or a positive number");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.temperature = infinity; }),
            "the temperature is inf; expected 0 or a positive number");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.top_k = -1; }),
            "top_k is -1; expected 0 (all) or a positive number");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.top_p = 0; }),
            "top_p is 0; expected more than 0 and at most 1");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.top_p = 1.5f; }),
            "top_p is 1.5; expected more than 0 and at most 1");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.top_p = nan; }),
            "top_p is nan; expected more than 0 and at most 1");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.min_p = 1; }),
            "min_p is 1; expected at least 0 and less than 1");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.min_p = -0.5f; }),
            "min_p is -0.5; expected at least 0 and less than 1");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.min_p = nan; }),
            "min_p is nan; expected at least 0 and less than 1");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.typical_p = 0; }),
            "typical_p is 0; expected more than 0 and at most 1");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.typical_p = nan; }),
            "typical_p is nan; expected more than 0 and at most 1");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.repetition_penalty = 0; }),
            "the repetition penalty is 0; expected a positive number");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.repetition_penalty = infinity; }),
            "the repetition penalty is inf; expected a positive number");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.presence_penalty = nan; }),
            "the presence penalty is nan; expected a finite number");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.frequency_penalty = -infinity; }),
            "the frequency penalty is -inf; expected a finite number");
  EXPECT_EQ(sampling_sentence([](Sampling& s) { s.penalty_window = -1; }),
            "the penalties' window is -1 tokens; expected 0 (the whole sequence) or a positive number");
}

TEST(Refusal, SaysWhatIsWrongWithABias) {
  EXPECT_EQ(sampling_sentence([](Sampling& s) {
              s.bias = {{100, 1}};
            }),
            "the bias of token 100 is out of range; the vocabulary has ids 0 to 99");
  EXPECT_EQ(sampling_sentence([](Sampling& s) {
              s.bias = {{-1, 1}};
            }),
            "the bias of token -1 is out of range; the vocabulary has ids 0 to 99");
  EXPECT_EQ(sampling_sentence([](Sampling& s) {
              s.bias = {{7, infinity}};
            }),
            "the bias of token 7 is inf; expected a finite number, or -inf to forbid it");
  EXPECT_EQ(sampling_sentence([](Sampling& s) {
              s.bias = {{7, nan}};
            }),
            "the bias of token 7 is nan; expected a finite number, or -inf to forbid it");
  EXPECT_EQ(sampling_sentence([](Sampling& s) {
              s.bias = {{7, 1}, {8, 1}, {7, 2}};
            }),
            "the bias of token 7 is given twice; expected once");
  const auto forbid = [](Token last, std::int32_t limit) {
    return sentence([&](Request& r) {
      r.vocabulary_limit = limit;
      for (Token token = 0; token <= last; ++token) r.sampling.bias.push_back({token, -infinity});
    });
  };
  EXPECT_EQ(forbid(99, 0), "the bias forbids all of the 100 tokens that may be sampled");
  EXPECT_EQ(forbid(49, 50), "the bias forbids all of the 50 tokens that may be sampled");
  EXPECT_EQ(forbid(98, 0), "");
  EXPECT_EQ(forbid(48, 50), "");
}

TEST(Refusal, LetsEverythingElsePass) {
  EXPECT_EQ(sentence([](Request&) {}), "");
  EXPECT_EQ(sentence([](Request& r) { r.log_probabilities = 20; }), "");
  EXPECT_EQ(sentence([](Request& r) {
              r.max_tokens = 0;
              r.report = PromptReport::log_probabilities;
            }),
            "");
  EXPECT_EQ(sampling_sentence([](Sampling& s) {
              s = {.temperature = 1e-30f,
                   .top_k = 1'000'000,
                   .top_p = 1e-6f,
                   .min_p = 0.999f,
                   .typical_p = 1e-6f,
                   .repetition_penalty = 1e-30f,
                   .presence_penalty = -1e30f,
                   .frequency_penalty = 1e30f,
                   .penalty_window = 0,
                   .bias = {{0, -infinity}, {99, 1e38f}}};
            }),
            "");
}

}  // namespace
}  // namespace yoke::runtime
