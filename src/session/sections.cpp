#include "session/sections.h"

#include <algorithm>
#include <array>
#include <utility>

namespace yoke::session {
namespace {

struct Bracket {
  std::string_view begin;
  Section section;
  std::string_view end;  // empty: the answer's end
};

constexpr std::array<Bracket, 11> brackets = {{
    {"<think>", Section::reasoning, "</think>"},                          // DeepSeek R1, Qwen 3, GLM …
    {"[THINK]", Section::reasoning, "[/THINK]"},                          // Magistral
    {"<seed:think>", Section::reasoning, "</seed:think>"},                // Seed-OSS
    {"◁think▷", Section::reasoning, "◁/think▷"},                          // Kimi
    {"<tool_call>", Section::tool_call, "</tool_call>"},                  // Hermes, Qwen, GLM
    {"<seed:tool_call>", Section::tool_call, "</seed:tool_call>"},        // Seed-OSS
    {"<minimax:tool_call>", Section::tool_call, "</minimax:tool_call>"},  // MiniMax
    {"<|tool_calls_section_begin|>", Section::tool_call, "<|tool_calls_section_end|>"},  // Kimi K2
    {"<｜tool▁calls▁begin｜>", Section::tool_call, "<｜tool▁calls▁end｜>"},              // DeepSeek
    {"[TOOL_CALLS]", Section::tool_call, ""},                                            // Mistral
    {"<|python_tag|>", Section::tool_call, ""},                                          // Llama 3.1
}};

// gpt-oss writes messages: <|start|>assistant<|channel|>analysis<|message|>…<|end|>. The first <|start|> is
// the prompt's.
constexpr std::string_view message_start = "<|start|>";
constexpr std::string_view message_channel = "<|channel|>";
constexpr std::string_view message_text = "<|message|>";
constexpr std::string_view message_end = "<|end|>";
constexpr std::string_view message_opening = "<|start|>assistant";

// What stands within tool calls.
constexpr std::array<std::string_view, 9> parts_of_calls = {"<｜tool▁call▁begin｜>",
                                                            "<｜tool▁sep｜>",
                                                            "<｜tool▁call▁end｜>",
                                                            "<|tool_call_begin|>",
                                                            "<|tool_call_argument_begin|>",
                                                            "<|tool_call_end|>",
                                                            "[ARGS]",
                                                            "[CALL_ID]",
                                                            "<|constrain|>"};

constexpr std::array<std::string_view, 2> json_calls_begin = {R"({"name":)", R"({"type":"function")"};

template <class Take>
void for_each_marker(const Take& take) {
  for (const Bracket& bracket : brackets) {
    take(bracket.begin);
    if (!bracket.end.empty()) take(bracket.end);
  }
  for (const std::string_view marker : {message_start, message_channel, message_text, message_end})
    take(marker);
}

const Bracket* bracket_of(std::string_view begin) {
  const auto found = std::find_if(brackets.begin(), brackets.end(),
                                  [begin](const Bracket& bracket) { return bracket.begin == begin; });
  return found == brackets.end() ? nullptr : &*found;
}

constexpr std::size_t longest_wait = 1024;  // bytes that may come before it is clear what they are

constexpr std::string_view white_space = " \t\r\n";

std::string_view without_end_space(std::string_view text) {
  return text.substr(0, text.find_last_not_of(white_space) + 1);
}

std::string without_space(std::string_view text) {
  std::string result(text);
  std::erase_if(result, [](char c) { return white_space.find(c) != std::string_view::npos; });
  return result;
}

}  // namespace

bool is_section_token(std::string_view name) {
  bool found = std::find(parts_of_calls.begin(), parts_of_calls.end(), name) != parts_of_calls.end();
  for_each_marker([&](std::string_view marker) { found = found || marker == name; });
  return found;
}

SectionSplitter::SectionSplitter(std::string_view prompt, bool json_calls) : may_be_json_(json_calls) {
  const std::string_view end = without_end_space(prompt);
  if (end.ends_with(message_opening)) state_ = State::header;
  for (const Bracket& bracket : brackets)
    if (end.ends_with(bracket.begin)) begin(bracket.section, bracket.end);
}

std::vector<Piece> SectionSplitter::push(std::string_view text) {
  waiting_ += text;
  std::vector<Piece> pieces;
  if (may_be_json_) look_for_json_call();
  if (!may_be_json_)
    while (advance(pieces)) {
    }
  return pieces;
}

std::vector<Piece> SectionSplitter::finish() {
  std::vector<Piece> pieces;
  // A header without a message is no header.
  put(std::exchange(waiting_, ""), pieces);
  return pieces;
}

/// Deals with the first marker, or with all that is certain to stand before one. Whether there is more to do.
bool SectionSplitter::advance(std::vector<Piece>& pieces) {
  const Found found = find_marker();
  if (state_ == State::header && found.place > longest_wait) {
    state_ = State::content;  // no header: the model does not write as it was taught
    return true;
  }
  if (found.marker.empty()) {
    if (state_ == State::header) return false;  // it is of use only as a whole
    put(std::string_view(waiting_).substr(0, found.place), pieces);
    waiting_.erase(0, found.place);
    return false;
  }
  const std::string before = waiting_.substr(0, found.place);
  waiting_.erase(0, found.place + found.marker.size());
  pass(found.marker, before, pieces);
  return true;
}

SectionSplitter::Found SectionSplitter::find_marker() const {
  Found found{waiting_.size(), ""};
  for_each_marker([&](std::string_view marker) {
    if (!is_wanted(marker)) return;
    const std::string_view waiting = waiting_;
    const std::size_t whole = waiting.find(marker);
    if (whole < found.place || (whole == found.place && found.marker.empty() && whole < waiting.size())) {
      found = {whole, marker};
      return;
    }
    const std::size_t longest = std::min(marker.size() - 1, waiting.size());
    for (std::size_t length = longest; length > 0; --length) {
      const std::size_t place = waiting.size() - length;
      if (place < found.place && waiting.ends_with(marker.substr(0, length))) found = {place, ""};
    }
  });
  return found;
}

bool SectionSplitter::is_wanted(std::string_view marker) const {
  switch (state_) {
    case State::section:
      return marker == end_;
    case State::header:
      return marker == message_text;
    case State::content:
      break;
  }
  return bracket_of(marker) != nullptr || marker == message_start || marker == message_channel ||
         marker == message_end;
}

/// `before` is what stood before the marker.
void SectionSplitter::pass(std::string_view marker, std::string_view before, std::vector<Piece>& pieces) {
  if (state_ == State::header) return pass_header(before, pieces);
  put(before, pieces);
  if (state_ == State::content && (marker == message_start || marker == message_channel)) {
    state_ = State::header;
  } else if (const Bracket* bracket = bracket_of(marker); bracket != nullptr && state_ == State::content) {
    begin(bracket->section, bracket->end);
  } else {
    begin(Section::content, "");
  }
}

/// Where a message goes: to a function, or into a channel.
void SectionSplitter::pass_header(std::string_view header, std::vector<Piece>& pieces) {
  if (header.find("to=") != std::string_view::npos) {
    begin(Section::tool_call, message_end);
    put(std::string(header).append(message_text), pieces);
  } else if (header.find("analysis") != std::string_view::npos) {
    begin(Section::reasoning, message_end);
  } else {
    begin(Section::content, "");
  }
}

void SectionSplitter::begin(Section section, std::string_view end) {
  state_ = section == Section::content ? State::content : State::section;
  section_ = section;
  end_ = end;
  fresh_ = true;
  begins_ = true;
  held_.clear();
}

/// At the beginning of an answer, which waits until it is decided.
void SectionSplitter::look_for_json_call() {
  const std::string seen = without_space(std::string_view(waiting_).substr(0, longest_wait));
  bool undecided = false;
  for (const std::string_view call : json_calls_begin) {
    if (seen.starts_with(call)) {
      begin(Section::tool_call, "");
      may_be_json_ = false;
      return;
    }
    undecided = undecided || call.starts_with(seen);
  }
  may_be_json_ = undecided && waiting_.size() < longest_wait;
}

void SectionSplitter::put(std::string_view text, std::vector<Piece>& pieces) {
  if (fresh_) text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
  if (text.empty()) return;
  fresh_ = false;
  std::string piece = std::exchange(held_, "").append(text);
  const std::size_t end = without_end_space(piece).size();
  if (section_ != Section::content) {
    held_ = piece.substr(end);
    piece.resize(end);
  }
  if (!piece.empty()) pieces.push_back({section_, std::move(piece), std::exchange(begins_, false)});
}

}  // namespace yoke::session
