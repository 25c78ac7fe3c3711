#include "terminal/progress_bar.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/topology.h"

namespace yoke::terminal {

namespace {

constexpr std::size_t longest_bar = 30;
constexpr std::size_t shortest_bar = 5;

/// Of the terminal on standard error; 80 where it does not say.
std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string progress_line(std::string_view label, std::uint64_t done, std::uint64_t total,
                          std::string_view note, std::size_t width) {
  const double share = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  const auto percent = static_cast<std::size_t>(100 * share);
  const std::string figures = fmt::format("{:3}% of {}", percent, format_bytes(total));
  const std::string remark = note.empty() ? "" : fmt::format(", {}", note);
  const std::size_t frame = label.size() + figures.size() + std::string_view(" [] ").size();
  const bool with_remark = frame + shortest_bar + remark.size() <= width;
  const std::size_t taken = frame + (with_remark ? remark.size() : 0);
  const std::size_t bar = std::clamp(width > taken ? width - taken : 0, shortest_bar, longest_bar);
  const std::size_t filled = percent * bar / 100;
  return fmt::format("{} [{:#<{}}{:.<{}}] {}{}", label, "", filled, "", bar - filled, figures,
                     with_remark ? remark : "")
      .substr(0, width);
}

ProgressBar::ProgressBar(std::string label) : label_(std::move(label)) {}

void ProgressBar::update(std::uint64_t done, std::uint64_t total, std::string_view note) {
  // A full line makes some terminals begin a new one.
  if (line_.visible() && total > 0)
    line_.show(progress_line(label_, done, total, note, terminal_width() - 1));
}

}  // namespace yoke::terminal
