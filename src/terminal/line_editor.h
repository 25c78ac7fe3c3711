// A line from a person at a terminal, with the keys they are used to, and the lines they entered before.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "system/environment.h"

namespace yoke::terminal {

/// What came of asking for a line.
struct Line {
  enum class Kind {
    text,
    interrupted,  // Ctrl-C; `text` is what had been typed
    end,          // Ctrl-D, or the terminal is gone
  };
  Kind kind = Kind::end;
  std::string text;  // UTF-8, without its line break
};

/// Asks for a line with this prompt.
using ReadLine = std::function<Line(const std::string& prompt)>;

/// Edits lines on the terminal of standard input and output, whatever the locale in UTF-8, with libedit and
/// what the person's ~/.editrc says. The terminal is in its usual mode but for the time of read().
class LineEditor {
 public:
  /// Reads and keeps history in the file, as far as the system allows; in none where the path is empty.
  explicit LineEditor(const std::filesystem::path& history);
  ~LineEditor();

  /// Ctrl-C is a key here, not a signal.
  Line read(const std::string& prompt);

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// Where history is kept: yoke/history in XDG_STATE_HOME, by default ~/.local/state. Empty where the
/// environment names neither.
std::filesystem::path history_file(const system::Environment& environment);

}  // namespace yoke::terminal
