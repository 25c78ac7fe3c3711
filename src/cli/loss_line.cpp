#include "cli/loss_line.h"

#include <unistd.h>

#include <utility>

#include "terminal/tell.h"

namespace yoke::cli {
namespace {

const char* dim() { return isatty(STDERR_FILENO) == 1 ? "\033[2m" : ""; }
const char* plain() { return isatty(STDERR_FILENO) == 1 ? "\033[0m" : ""; }

}  // namespace

LossLine::~LossLine() { close(""); }

void LossLine::lost(const std::string& sentence) {
  close("");
  terminal::tell("\n{}{} (starting again{}", dim(), sentence, plain());
  open_ = true;
}

void LossLine::over(const std::string& change) { close(change.empty() ? "" : "; " + change); }

void LossLine::close(const std::string& last) {
  if (std::exchange(open_, false)) terminal::tell("{}{}){}\n", dim(), last, plain());
}

void note(const std::string& sentence) { terminal::tell("{}{}{}\n", dim(), sentence, plain()); }

}  // namespace yoke::cli
