#include "cli/conversation_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace yoke::cli {
namespace {

using Kind = terminal::Line::Kind;

/// All inputs, in order, that come of these lines: "message:…", "command:…", and nothing after the end.
struct Entered {
  std::vector<std::string> inputs;
  std::vector<std::string> prompts;
  std::size_t unread = 0;
};

Entered enter(std::deque<terminal::Line> lines) {
  Entered entered;
  ConversationInput reader([&](const std::string& prompt) -> terminal::Line {
    entered.prompts.push_back(prompt);
    if (lines.empty()) return {};
    terminal::Line line = lines.front();
    lines.pop_front();
    return line;
  });
  for (Input input = reader.next(); input.kind != Input::Kind::end; input = reader.next()) {
    entered.inputs.push_back((input.kind == Input::Kind::message ? "message:" : "command:") + input.text);
  }
  entered.unread = lines.size();
  return entered;
}

terminal::Line text(const char* line) { return {Kind::text, line}; }
terminal::Line interrupted(const char* typed) { return {Kind::interrupted, typed}; }

TEST(ConversationInput, ALineIsAMessageAndOneWithASlashACommand) {
  EXPECT_THAT(
      enter({text("The state"), text("/clear"), text("/help  "), text(" a / b ")}).inputs,
      testing::ElementsAre("message:The state", "command:/clear", "command:/help", "message: a / b "));
}

TEST(ConversationInput, BlankLinesAreNothing) {
  EXPECT_THAT(enter({text(""), text("  \t"), text("x")}).inputs, testing::ElementsAre("message:x"));
}

TEST(ConversationInput, LinesBetweenQuotesAreOneMessage) {
  EXPECT_THAT(enter({text("\"\"\"a"), text(""), text(" b"), text("c\"\"\""), text("d")}).inputs,
              testing::ElementsAre("message:a\n\n b\nc", "message:d"));
  EXPECT_THAT(enter({text("\"\"\""), text("a"), text("\"\"\"")}).inputs, testing::ElementsAre("message:a"));
  EXPECT_THAT(enter({text("\"\"\"a\"\"\"")}).inputs, testing::ElementsAre("message:a"));
}

TEST(ConversationInput, BlankLinesOfABlockAreKeptWhereverTheyStand) {
  EXPECT_THAT(
      enter({text("\"\"\""), text(""), text(""), text("a"), text(""), text("\"\"\""), text("b")}).inputs,
      testing::ElementsAre("message:\n\na\n", "message:b"));
  EXPECT_THAT(enter({text("\"\"\" "), text(""), text("a\"\"\"")}).inputs,
              testing::ElementsAre("message: \n\na"));
}

TEST(ConversationInput, TheLinesOfABlockHaveAPromptOfTheirOwn) {
  EXPECT_THAT(enter({text("\"\"\"a"), text("b\"\"\"")}).prompts, testing::ElementsAre("> ", "... ", "> "));
}

TEST(ConversationInput, InsideABlockNothingIsACommand) {
  EXPECT_THAT(enter({text("\"\"\"/clear"), text("/bye\"\"\"")}).inputs,
              testing::ElementsAre("message:/clear\n/bye"));
}

TEST(ConversationInput, AnEmptyBlockIsNothing) {
  EXPECT_THAT(enter({text("\"\"\""), text("\"\"\""), text("\"\"\"\"\"\""), text("x")}).inputs,
              testing::ElementsAre("message:x"));
}

TEST(ConversationInput, AnInterruptGivesUpALineOrABlock) {
  EXPECT_THAT(enter({interrupted("ab"), text("c")}).inputs, testing::ElementsAre("message:c"));
  EXPECT_THAT(enter({text("\"\"\"a"), interrupted(""), text("c")}).inputs, testing::ElementsAre("message:c"));
}

TEST(ConversationInput, TwoInterruptsInARowOnAnEmptyLineAreTheEnd) {
  const Entered entered = enter({interrupted(""), interrupted(""), text("never")});
  EXPECT_TRUE(entered.inputs.empty());
  EXPECT_EQ(entered.unread, 1);
}

TEST(ConversationInput, InterruptsThatAreNotInARowAreNoEnd) {
  EXPECT_THAT(
      enter({interrupted(""), interrupted("a"), interrupted(""), text("b"), interrupted(""), text("c")})
          .inputs,
      testing::ElementsAre("message:b", "message:c"));
}

TEST(ConversationInput, TheEndOfTheTerminalIsTheEndAlsoInsideABlock) {
  EXPECT_EQ(enter({{Kind::end, ""}, text("never")}).unread, 1);
  EXPECT_EQ(enter({text("\"\"\"a"), {Kind::end, ""}, text("never")}).unread, 1);
}

}  // namespace
}  // namespace yoke::cli
