// The line that tells a person of an engine's death and, once that is known, how it goes on.
#pragma once

#include <string>

namespace yoke::cli {

/// "node2 was lost: … (starting again; node2 is gone, node1 does its part too)", on standard error,
/// dim on a terminal: what is known is shown at once. Its end closes the line.
class LossLine {
 public:
  LossLine() = default;
  ~LossLine();
  LossLine(const LossLine&) = delete;
  LossLine& operator=(const LossLine&) = delete;

  /// The engine is lost, whose sentence this is, and started again; most likely in mid-text.
  void lost(const std::string& sentence);
  /// That start is over; `change` (may be empty) says how the engine differs from the first.
  void over(const std::string& change);

 private:
  void close(const std::string& last);

  bool open_ = false;
};

/// What the program says beside a text: a line on standard error, dim where that is a terminal.
void note(const std::string& sentence);

}  // namespace yoke::cli
