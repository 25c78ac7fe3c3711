#include "cli/progress_bar.h"

#include <fmt/core.h>

#include <algorithm>
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

ProgressBar::ProgressBar(std::string label) : label_(std::move(label)) {}

void ProgressBar::update(std::uint64_t done, std::uint64_t total) {
  if (line_.visible() && total > 0) line_.show(progress_line(label_, done, total));
}

}  // namespace yoke::cli
