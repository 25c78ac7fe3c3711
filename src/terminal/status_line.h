// One line on standard error that says how far something is, while a person waits.
#pragma once

#include <string>

namespace yoke::terminal {

/// Shows on a terminal only; elsewhere it stays silent. Its end takes the line away.
class StatusLine {
 public:
  StatusLine();
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  /// Whether anybody sees it: what costs time to find out need not be found out for nobody.
  bool visible() const { return on_terminal_; }
  /// Replaces what it shows.
  void show(std::string text);

 private:
  bool on_terminal_;
  std::string shown_;
};

}  // namespace yoke::terminal
