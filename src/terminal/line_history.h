// The lines that a person entered before, in a file that several conversations write to.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

struct history;  // of libedit

namespace yoke::terminal {

using LibeditHistory = struct ::history;  // a function has the name, too

/// Lines of this conversation and of those before it, the newest last. Only the file's owner may read it.
class LineHistory {
 public:
  static constexpr int most_lines = 1000;

  /// Reads the file, as far as there is one; no file is kept where the path is empty or the system refuses: a
  /// conversation goes on without. A file of more than twice most_lines is cut to the newest of them.
  explicit LineHistory(std::filesystem::path file);

  /// Appends the line to the file at once, so that it is kept whatever ends the process, beside those of
  /// other conversations. The same line twice in a row is kept once.
  void add(const std::string& line);

  /// What libedit's functions take.
  LibeditHistory* get() const { return history_.get(); }

 private:
  struct End {
    void operator()(LibeditHistory* history) const;
  };
  using Owned = std::unique_ptr<LibeditHistory, End>;

  static Owned make(int lines);
  void load();

  std::filesystem::path file_;
  Owned history_;
  bool unreadable_ = false;  // there is a file, but not one of lines: it makes room for one
};

}  // namespace yoke::terminal
