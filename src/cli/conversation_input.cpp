#include "cli/conversation_input.h"

#include <string_view>

#include "terminal/tell.h"

namespace yoke::cli {
namespace {

constexpr std::string_view quotes = "\"\"\"";
constexpr std::string_view blanks = " \t\n";

std::string trim(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(blanks);
  if (begin == std::string::npos) return "";
  return line.substr(begin, line.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

Input ConversationInput::next() {
  bool leaving = false;  // after a Ctrl-C on an empty line
  while (true) {
    terminal::Line line = read_line_("> ");
    const bool command = line.text.starts_with('/');
    if (line.kind == terminal::Line::Kind::text && line.text.starts_with(quotes)) {
      line = read_block(line.text.substr(quotes.size()));
    }
    if (line.kind == terminal::Line::Kind::end ||
        (leaving && line.kind == terminal::Line::Kind::interrupted && line.text.empty()))
      return {};
    leaving = line.kind == terminal::Line::Kind::interrupted && line.text.empty();
    if (leaving) terminal::tell("Ctrl-C once more, or Ctrl-D, leaves.\n");
    if (line.kind == terminal::Line::Kind::interrupted || trim(line.text).empty()) continue;
    if (command) return {Input::Kind::command, trim(line.text)};
    return {Input::Kind::message, std::move(line.text)};
  }
}

/// The lines up to one that ends with quotes; `text` is what followed the opening ones. A line break beside
/// the quotes, opening or closing, is not the message's.
terminal::Line ConversationInput::read_block(std::string text) {
  bool begun = !text.empty();
  while (!text.ends_with(quotes)) {
    terminal::Line line = read_line_("... ");
    if (line.kind != terminal::Line::Kind::text) {
      line.text = text + '\n' + line.text;
      return line;
    }
    if (begun) text += '\n';
    text += line.text;
    begun = true;
  }
  text.resize(text.size() - quotes.size());
  if (text.ends_with('\n')) text.pop_back();
  return {terminal::Line::Kind::text, std::move(text)};
}

}  // namespace yoke::cli
