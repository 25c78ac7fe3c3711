#include "terminal/line_history.h"

#include <fcntl.h>
#include <histedit.h>
#include <sys/stat.h>

#include <cstdio>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace yoke::terminal {

LineHistory::LineHistory(std::filesystem::path file) : file_(std::move(file)), history_(make(most_lines)) {
  if (file_.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(file_.parent_path(), ignored);
  load();
}

void LineHistory::add(const std::string& line) {
  HistEvent event;
  const bool is_new = ::history(history_.get(), &event, H_ENTER, line.c_str()) > 0;
  if (!is_new || file_.empty()) return;
  const int how = O_WRONLY | O_CREAT | O_CLOEXEC | (unreadable_ ? O_TRUNC : O_APPEND);
  const int opened = ::open(file_.c_str(), how, S_IRUSR | S_IWUSR);
  if (opened < 0) return;
  unreadable_ = false;
  // What a person says to a model is nobody else's business, also where another program made the file.
  ::fchmod(opened, S_IRUSR | S_IWUSR);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(::fdopen(opened, "a"), std::fclose);
  if (!out) return;
  // In one piece, so that two conversations do not write into each other's lines. In libedit's form a byte
  // takes four at most; its first line goes in front where the position is 0.
  std::setvbuf(out.get(), nullptr, _IOFBF, 4 * line.size() + 64);
  std::fseek(out.get(), 0, SEEK_END);
  const Owned one = make(1);
  ::history(one.get(), &event, H_ENTER, line.c_str());
  ::history(one.get(), &event, H_SAVE_FP, out.get());
}

void LineHistory::End::operator()(LibeditHistory* history) const { ::history_end(history); }

LineHistory::Owned LineHistory::make(int lines) {
  Owned made(::history_init());
  require(made != nullptr, "the history of lines cannot be made: {}", last_system_error());
  HistEvent event;
  ::history(made.get(), &event, H_SETSIZE, lines);
  ::history(made.get(), &event, H_SETUNIQUE, 1);
  return made;
}

void LineHistory::load() {
  HistEvent event;
  const int lines = ::history(history_.get(), &event, H_LOAD, file_.c_str());
  std::error_code none;
  unreadable_ = lines < 0 && std::filesystem::file_size(file_, none) > 0 && !none;
  if (lines > 2 * most_lines) ::history(history_.get(), &event, H_SAVE, file_.c_str());
}

}  // namespace yoke::terminal
