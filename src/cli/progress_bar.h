// A line on standard error that fills up while a person waits.
#pragma once

#include <cstdint>
#include <string>

namespace yoke::cli {

/// Draws on a terminal only; elsewhere it stays silent. Its end takes the line away.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(std::uint64_t done, std::uint64_t total);

 private:
  std::string label_;
  bool on_terminal_;
  int drawn_percent_ = -1;
};

}  // namespace yoke::cli
