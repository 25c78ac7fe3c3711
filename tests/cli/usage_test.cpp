#include "cli/usage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace yoke::cli {
namespace {

/// What a small program says of a command line.
std::string sentence_for(std::vector<std::string> words) {
  CLI::App app("", "yoke");
  app.require_subcommand(0, 1);
  CLI::App* run = app.add_subcommand("run", "Runs");
  app.add_subcommand("hidden", "Not for people")->group("");
  app.add_subcommand("walk", "Walks");
  std::string model, text, file, pace;
  CLI::App* herd = app.add_subcommand("herd", "Keeps");
  herd->require_subcommand(0, 1);
  herd->add_subcommand("count", "Counts")->add_option("PASTURE", model, "Where")->required();
  herd->add_subcommand("sell", "Sells");
  int steps = 0;
  run->add_option("-m,--model,MODEL", model, "GGUF file")->required();
  CLI::Option* text_option = run->add_option("--text", text, "Some text")->required();
  run->add_option("-f,--file", file, "A file")->excludes(text_option);
  run->add_option("--pace", pace, "How fast")->check(choice_check({"slow", "fast"}));
  run->add_option("-n,--steps", steps, "Steps");
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return usage_sentence(app, error);
  }
  return "";
}

TEST(Usage, AWordThatIsNoCommandIsToldThoseThereAre) {
  EXPECT_EQ(sentence_for({"pull"}), "there is no command 'pull'; there are run, walk, herd");
  EXPECT_EQ(sentence_for({"--speed"}), "yoke has no flag --speed");
}

TEST(Usage, ACommandOfACommandIsCalledByItsWholeName) {
  EXPECT_EQ(sentence_for({"herd", "eat"}), "there is no command 'eat' of yoke herd; there are count, sell");
  EXPECT_EQ(sentence_for({"herd", "sell", "--all"}), "yoke herd sell has no flag --all");
  EXPECT_EQ(sentence_for({"herd", "count"}), "yoke herd count needs PASTURE: Where");
  EXPECT_EQ(sentence_for({"herd", "sell", "it"}), "'it' is one argument more than yoke herd sell takes");
}

TEST(Usage, ALineThatEndsWhereACommandIsExpectedIsToldThoseThereAre) {
  CLI::App app("", "yoke");
  CLI::App* herd = app.add_subcommand("herd", "Keeps");
  herd->add_subcommand("count", "Counts");
  EXPECT_EQ(sentence_on_no_command(app), "expected a command; there are herd");
  app.parse(std::vector<std::string>{"herd"});
  EXPECT_EQ(sentence_on_no_command(app), "expected a command of yoke herd; there are count");
}

TEST(Usage, AnUnknownFlagIsNamedWithItsCommand) {
  EXPECT_EQ(sentence_for({"run", "a", "--text", "b", "--speed=9"}), "yoke run has no flag --speed=9");
  EXPECT_EQ(sentence_for({"run", "a", "--text", "b", "-x", "9"}), "yoke run has no flag -x");
  EXPECT_EQ(sentence_for({"walk", "far"}), "'far' is one argument more than yoke walk takes");
}

TEST(Usage, WhatIsMissingIsNamedWithWhatItIs) {
  EXPECT_EQ(sentence_for({"run"}), "yoke run needs MODEL: GGUF file");
  EXPECT_EQ(sentence_for({"run", "-m", "a"}), "yoke run needs --text: Some text");
  EXPECT_EQ(sentence_for({"run", "a", "--text", "b", "--steps"}), "--steps was given without its value");
}

TEST(Usage, AFlagThatIsGivenTooOftenIsNamed) {
  EXPECT_EQ(sentence_for({"run", "a", "--text", "b", "--pace", "slow", "--pace", "fast"}),
            "--pace was given 2 times, expected once");
  EXPECT_EQ(sentence_for({"run", "a", "-m", "b", "-m", "c", "--text", "d"}),
            "--model was given 3 times, expected once");
}

TEST(Usage, FlagsThatExcludeEachOtherAreBothNamed) {
  EXPECT_EQ(sentence_for({"run", "a", "--text", "b", "-f", "c"}),
            "--text and --file do not go together: expected one of them");
}

TEST(Usage, AWordThatIsNoneOfAChoiceIsToldTheChoice) {
  EXPECT_EQ(sentence_for({"run", "a", "--text", "b", "--pace", "fat"}),
            "--pace: 'fat' is none of slow, fast");
  EXPECT_EQ(sentence_for({"run", "a", "--text", "b", "--pace", "fast"}), "");
}

}  // namespace
}  // namespace yoke::cli
