#include "session/sections.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace yoke::session {
namespace {

/// What a splitter makes of the text, in brackets: "(reasoning)", "{tool call}", content as it is.
std::string show(const std::vector<Piece>& pieces) {
  std::string shown;
  Section before = Section::content;
  const auto close = [&] {
    shown += before == Section::reasoning ? ")" : before == Section::tool_call ? "}" : "";
  };
  for (const Piece& piece : pieces) {
    if (piece.section != before) {
      close();
      before = piece.section;
      shown += before == Section::reasoning ? "(" : before == Section::tool_call ? "{" : "";
    }
    shown += piece.text;
  }
  close();
  return shown;
}

/// The same, whole and in parts of every size; they must agree.
std::string split(std::string_view text, std::string_view prompt = "", bool json_calls = false) {
  std::string first;
  for (std::size_t size = text.size(); size > 0; --size) {
    SectionSplitter splitter(prompt, json_calls);
    std::vector<Piece> pieces;
    const auto add = [&](std::vector<Piece> more) { pieces.insert(pieces.end(), more.begin(), more.end()); };
    for (std::size_t place = 0; place < text.size(); place += size)
      add(splitter.push(text.substr(place, size)));
    add(splitter.finish());
    if (size == text.size()) first = show(pieces);
    EXPECT_EQ(show(pieces), first) << "in parts of " << size;
  }
  return first;
}

TEST(Sections, AnAnswerWithoutMarkersComesOutAsItIs) {
  EXPECT_EQ(split("\n Hi <b>there</b> [1] < | {\"name\": 1}\n\n"),
            "\n Hi <b>there</b> [1] < | {\"name\": 1}\n\n");
}

TEST(Sections, TextThatBeginsNoMarkerDoesNotWait) {
  SectionSplitter splitter("");
  EXPECT_EQ(show(splitter.push("Hello")), "Hello");
  EXPECT_EQ(show(splitter.push(" <thin")), " ");
  EXPECT_EQ(show(splitter.push("g>")), "<thing>");
}

TEST(Sections, ReasoningStandsBetweenItsMarkers) {
  EXPECT_EQ(split("<think>\nLet me see.\n\nYes.\n</think>\n\nFour."), "(Let me see.\n\nYes.)Four.");
  EXPECT_EQ(split("[THINK]a[/THINK]b"), "(a)b");
  EXPECT_EQ(split("<seed:think>a</seed:think>b"), "(a)b");
  EXPECT_EQ(split("◁think▷ä◁/think▷ö"), "(ä)ö");
  EXPECT_EQ(split("<think>\n\n</think>\n\nFour."), "Four.");
  EXPECT_EQ(split("<think>cut sho"), "(cut sho)");
  EXPECT_EQ(split("<think>a <tool_call> b</think>c"), "(a <tool_call> b)c");
}

TEST(Sections, APromptMayHaveBegunTheReasoning) {
  EXPECT_EQ(split("Hm.\n</think>\n\nFour.", "<｜Assistant｜><think>\n"), "(Hm.)Four.");
  EXPECT_EQ(split("Four.", "<|im_start|>assistant\n<think>\n\n</think>\n\n"), "Four.");
}

TEST(Sections, ToolCallsAreOfEveryKind) {
  EXPECT_EQ(split("I look.\n<tool_call>\n{\"name\": \"f\"}\n</tool_call>\n<tool_call>\n{}\n</tool_call>"),
            "I look.\n{{\"name\": \"f\"}{}}");
  EXPECT_EQ(split("[TOOL_CALLS]f[ARGS]{}"), "{f[ARGS]{}}");
  EXPECT_EQ(split("<|python_tag|>print(1)\n"), "{print(1)}");
  EXPECT_EQ(split("a<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜><"
                  "｜tool▁calls▁end｜>"),
            "a{<｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>}");
  EXPECT_EQ(split("<|tool_calls_section_begin|>x<|tool_calls_section_end|>"), "{x}");
}

TEST(Sections, EachSectionHasOneBeginning) {
  SectionSplitter splitter("");
  std::vector<bool> begins;
  for (const char* part :
       {"a", "b<think>c", "d</think>e<tool_call>1</tool_call>", "<tool_call>2</tool_call>"})
    for (const Piece& piece : splitter.push(part)) begins.push_back(piece.begins);
  EXPECT_EQ(begins, (std::vector<bool>{true, false, true, false, true, true, true}));
}

TEST(Sections, JsonIsAToolCallOnlyWhereThereAreTools) {
  const std::string call = "{ \"name\" : \"f\", \"parameters\": {}}";
  EXPECT_EQ(split(call, "", true), "{" + call + "}");
  EXPECT_EQ(split(call), call);
  EXPECT_EQ(split("{\"type\": \"function\", \"name\": \"f\"}", "", true),
            "{{\"type\": \"function\", \"name\": \"f\"}}");
  EXPECT_EQ(split("{\"names\": 1}", "", true), "{\"names\": 1}");
  EXPECT_EQ(split("{", "", true), "{");
  const std::string spaces(2000, ' ');
  EXPECT_EQ(split(spaces + call, "", true), spaces + call);
  EXPECT_EQ(split("Hi {\"name\": 1}", "", true), "Hi {\"name\": 1}");
}

TEST(Sections, ChannelsOfGptOssSayWhereAMessageGoes) {
  const std::string_view prompt = "<|start|>assistant";
  EXPECT_EQ(
      split("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Four.",
            prompt),
      "(Hm.)Four.");
  EXPECT_EQ(split("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
                  "to=functions.f <|constrain|>json<|message|>{}",
                  prompt),
            "(Hm.){assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}}");
  EXPECT_EQ(split(" to=functions.f<|channel|>commentary json<|message|>{}", prompt),
            "{to=functions.f<|channel|>commentary json<|message|>{}}");
  EXPECT_EQ(split("<|channel|>commentary<|message|>First "
                  "this.<|end|><|start|>assistant<|channel|>final<|message|>Then.",
                  prompt),
            "First this.Then.");
  EXPECT_EQ(split("Just text.", prompt), "Just text.");
  const std::string no_header(2000, 'x');
  EXPECT_EQ(split(no_header + "<think>a</think><|message|>", prompt), no_header + "(a)<|message|>");
}

TEST(Sections, TokensThatMarkSectionsAreKnown) {
  for (const char* name :
       {"<think>", "</think>", "<|channel|>", "<|message|>", "[TOOL_CALLS]", "<｜tool▁sep｜>"})
    EXPECT_TRUE(is_section_token(name)) << name;
  for (const char* name : {"<|im_end|>", "</s>", "", "<"}) EXPECT_FALSE(is_section_token(name)) << name;
}

}  // namespace
}  // namespace yoke::session
