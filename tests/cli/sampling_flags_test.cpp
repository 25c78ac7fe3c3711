#include "cli/sampling_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"

namespace yoke::cli {
namespace {

/// The options of a command line; a parse error where it is wrong.
session::CompletionOptions parse(std::vector<std::string> arguments) {
  CLI::App app;
  session::CompletionOptions options;
  std::string model;
  app.add_option("MODEL", model);
  add_ending_flags(app, options);
  add_sampling_flags(app, options.sampling);
  arguments.emplace_back("model.gguf");
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  app.parse(arguments);
  EXPECT_EQ(model, "model.gguf") << "a list has swallowed what follows";
  return options;
}

std::string complaint(const std::vector<std::string>& arguments) {
  try {
    parse(arguments);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return "";
}

TEST(SamplingFlags, WithoutAnyTheTextIsGreedyAndOf128Tokens) {
  const session::CompletionOptions options = parse({});
  const runtime::Sampling none;
  EXPECT_EQ(options.max_tokens, 128);
  EXPECT_EQ(options.sampling.temperature, 0);
  EXPECT_EQ(options.sampling.seed, none.seed);
  EXPECT_EQ(options.sampling.top_k, none.top_k);
  EXPECT_EQ(options.sampling.top_p, none.top_p);
  EXPECT_EQ(options.sampling.penalty_window, none.penalty_window);
  EXPECT_TRUE(options.sampling.bias.empty());
  EXPECT_TRUE(options.stops.empty());
  EXPECT_FALSE(options.ignore_end);
}

TEST(SamplingFlags, EachReachesItsKnob) {
  const session::CompletionOptions options = parse({"--temp",
                                                    "0.75",
                                                    "--seed",
                                                    "18446744073709551615",
                                                    "--top-k",
                                                    "40",
                                                    "--top-p",
                                                    "0.5",
                                                    "--min-p",
                                                    "0.25",
                                                    "--typical",
                                                    "0.125",
                                                    "--repeat-penalty",
                                                    "1.5",
                                                    "--presence-penalty",
                                                    "-2",
                                                    "--frequency-penalty",
                                                    "0.5",
                                                    "--repeat-last-n",
                                                    "0",
                                                    "--logit-bias",
                                                    "11=-5",
                                                    "--logit-bias",
                                                    "12=-inf",
                                                    "-n",
                                                    "7",
                                                    "--stop",
                                                    "a b",
                                                    "--stop",
                                                    "\\n\\tx\\\\",
                                                    "--ignore-eos"});
  const runtime::Sampling& sampling = options.sampling;
  EXPECT_EQ(sampling.temperature, 0.75f);
  EXPECT_EQ(sampling.seed, 18446744073709551615u);
  EXPECT_EQ(sampling.top_k, 40);
  EXPECT_EQ(sampling.top_p, 0.5f);
  EXPECT_EQ(sampling.min_p, 0.25f);
  EXPECT_EQ(sampling.typical_p, 0.125f);
  EXPECT_EQ(sampling.repetition_penalty, 1.5f);
  EXPECT_EQ(sampling.presence_penalty, -2.0f);
  EXPECT_EQ(sampling.frequency_penalty, 0.5f);
  EXPECT_EQ(sampling.penalty_window, 0);
  ASSERT_EQ(sampling.bias.size(), 2);
  EXPECT_EQ(sampling.bias[0].token, 11);
  EXPECT_EQ(sampling.bias[0].bias, -5.0f);
  EXPECT_EQ(sampling.bias[1].token, 12);
  EXPECT_EQ(sampling.bias[1].bias, -INFINITY);
  EXPECT_EQ(options.max_tokens, 7);
  EXPECT_THAT(options.stops, testing::ElementsAre("a b", "\n\tx\\"));
  EXPECT_TRUE(options.ignore_end);
}

TEST(SamplingFlags, MinusOneTokenIsAsManyAsThereCanBe) {
  EXPECT_EQ(parse({"-n", "-1"}).max_tokens, session::unlimited);
  EXPECT_EQ(parse({"-n-1"}).max_tokens, session::unlimited);
  EXPECT_EQ(parse({"--n-predict=-1"}).max_tokens, session::unlimited);
  EXPECT_EQ(parse({"-n", "0"}).max_tokens, 0);
}

TEST(SamplingFlags, EveryWrongValueIsRefusedInOneSentence) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> table = {
      {{"--temp", "nan"}, "--temp: 'nan' is not a number from 0 to 100"},
      {{"--temp", "-0.5"}, "--temp: '-0.5' is not a number from 0 to 100"},
      {{"--temp", "inf"}, "--temp: 'inf' is not a number from 0 to 100"},
      {{"--seed", "-1"}, "--seed: '-1' is not a whole number from 0 to 18446744073709551615"},
      {{"--top-k", "-1"}, "--top-k: '-1' is not a whole number from 0 to 2147483647"},
      {{"--top-k", "2.5"}, "--top-k: '2.5' is not a whole number from 0 to 2147483647"},
      {{"--top-p", "nan"}, "--top-p: 'nan' is not a number above 0 and up to 1"},
      {{"--top-p", "0"}, "--top-p: '0' is not a number above 0 and up to 1"},
      {{"--top-p", "1.5"}, "--top-p: '1.5' is not a number above 0 and up to 1"},
      {{"--min-p", "nan"}, "--min-p: 'nan' is not a number from 0 and below 1"},
      {{"--min-p", "1"}, "--min-p: '1' is not a number from 0 and below 1"},
      {{"--min-p", "-0.1"}, "--min-p: '-0.1' is not a number from 0 and below 1"},
      {{"--typical", "0"}, "--typical: '0' is not a number above 0 and up to 1"},
      {{"--repeat-penalty", "0"}, "--repeat-penalty: '0' is not a number above 0 and up to 100"},
      {{"--repeat-penalty", "nan"}, "--repeat-penalty: 'nan' is not a number above 0 and up to 100"},
      {{"--presence-penalty", "inf"}, "--presence-penalty: 'inf' is not a number from -100 to 100"},
      {{"--frequency-penalty", "-101"}, "--frequency-penalty: '-101' is not a number from -100 to 100"},
      {{"--repeat-last-n", "-1"}, "--repeat-last-n: '-1' is not a whole number from 0 to 2147483647"},
      {{"--logit-bias", "11"}, "--logit-bias: '11' is not TOKEN=VALUE, such as 11=-5 or 11=-inf"},
      {{"--logit-bias", "=1"}, "--logit-bias: '=1' is not TOKEN=VALUE, such as 11=-5 or 11=-inf"},
      {{"--logit-bias", "x=1"}, "--logit-bias: 'x=1' is not TOKEN=VALUE, such as 11=-5 or 11=-inf"},
      {{"--logit-bias", "1="}, "--logit-bias: '1=' is not TOKEN=VALUE, such as 11=-5 or 11=-inf"},
      {{"--logit-bias", "99999999999=1"},
       "--logit-bias: '99999999999=1' is not TOKEN=VALUE, such as 11=-5 or 11=-inf"},
      {{"--logit-bias", "-1=1"}, "--logit-bias: '-1=1' names a negative token; ids begin at 0"},
      {{"--logit-bias", "1=nan"},
       "--logit-bias: '1=nan' has no value that can be added; expected a number or -inf"},
      {{"--logit-bias", "1=inf"},
       "--logit-bias: '1=inf' has no value that can be added; expected a number or -inf"},
      {{"--logit-bias", "1=2", "--logit-bias", "1=3"}, "--logit-bias: token 1 is given twice"},
      {{"-n", "-2"}, "--n-predict: '-2' is not a whole number from -1 to 2147483647"},
      {{"-n", "2147483648"}, "--n-predict: '2147483648' is not a whole number from -1 to 2147483647"},
      {{"--stop", ""}, "--stop: the text is empty; expected one that ends what the model writes"},
      {{"--stop", "a\\q"}, "--stop: 'a\\q' has an escape that is not known; known: \\n, \\t, \\\\"},
      {{"--stop", "a\\"}, "--stop: 'a\\' has an escape that is not known; known: \\n, \\t, \\\\"},
      {{"--stop", "\xFF"}, "--stop: the text is not UTF-8"},
  };
  for (const auto& [arguments, sentence] : table) EXPECT_EQ(complaint(arguments), sentence);
}

TEST(SamplingFlags, ABiasForATokenThatTheVocabularyLacksIsRefused) {
  const runtime::Sampling sampling = parse({"--logit-bias", "255=1"}).sampling;
  EXPECT_NO_THROW(check_bias(sampling, 256));
  try {
    check_bias(sampling, 255);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "--logit-bias: there is no token 255; the vocabulary has ids 0 to 254");
  }
}

}  // namespace
}  // namespace yoke::cli
