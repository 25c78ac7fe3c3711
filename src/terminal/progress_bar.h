// A line on standard error that fills up while a person waits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "terminal/status_line.h"

namespace yoke::terminal {

/// "loading [#####.....]  50% of 1.00 GB, NOTE"; done beyond total counts as total, which is not 0. No wider
/// than `width` columns: the bar gives way first, then the note; the end of what is too wide even so is cut.
std::string progress_line(std::string_view label, std::uint64_t done, std::uint64_t total,
                          std::string_view note = {}, std::size_t width = 80);

/// Draws on a terminal only; elsewhere it stays silent. Its end takes the line away.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);

  void update(std::uint64_t done, std::uint64_t total, std::string_view note = {});

 private:
  std::string label_;
  StatusLine line_;
};

}  // namespace yoke::terminal
