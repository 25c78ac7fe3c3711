// What a person enters in a conversation: messages of one or several lines, and commands.
#pragma once

#include <string>
#include <utility>

#include "terminal/line_editor.h"

namespace yoke::cli {

struct Input {
  enum class Kind { message, command, end };
  Kind kind = Kind::end;
  std::string text;  // a command's begins with '/'
};

/// Puts lines together. A message is one line, or all that stands between two """; a line that begins with /
/// is a command; blank lines are nothing. Ctrl-C gives up what was typed; on an empty line, twice in a row,
/// it is the end.
class ConversationInput {
 public:
  explicit ConversationInput(terminal::ReadLine read_line) : read_line_(std::move(read_line)) {}

  Input next();

 private:
  terminal::Line read_block(std::string text);

  terminal::ReadLine read_line_;
};

}  // namespace yoke::cli
