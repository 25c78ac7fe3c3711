#include "cli/progress_bar.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/topology.h"

namespace yoke::cli {

std::string progress_line(std::string_view label, std::uint64_t done, std::uint64_t total) {
  constexpr int width = 30;
  const double share = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  const int percent = static_cast<int>(100 * share);
  const int filled = percent * width / 100;
  return fmt::format("{} [{:#<{}}{:.<{}}] {:3}% of {}", label, "", filled, "", width - filled, percent,
                     format_bytes(total));
}

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)), on_terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (!drawn_.empty()) fmt::print(stderr, "\r\033[K");
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total) {
  if (!on_terminal_ || total == 0) return;
  std::string line = progress_line(label_, done, total);
  if (line == drawn_) return;
  fmt::print(stderr, "\r{}", line);
  std::fflush(stderr);
  drawn_ = std::move(line);
}

}  // namespace yoke::cli
