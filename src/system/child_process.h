// A program that was started, what it prints, and its end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "system/environment.h"
#include "system/socket.h"

namespace yoke::system {

/// The beginning and the end of a text of any length.
class BoundedText {
 public:
  explicit BoundedText(std::size_t half = 16384) : half_(half) {}
  void append(std::string_view text);
  std::string text() const;

 private:
  std::size_t half_;
  std::string first_;
  std::string last_;
  bool cut_ = false;
};

/// The child reads /dev/null, leads a process group of its own (the terminal's Ctrl-C is not for it), and is
/// killed when the thread that started it ends: start it from a thread that stays. Not thread-safe.
class ChildProcess {
 public:
  /// command[0] is the program's path. Throws Error if it cannot be executed.
  ChildProcess(const std::vector<std::string>& command, const Environment& environment);
  /// Kills what still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// Readable when read_output() has something to do.
  int output_fd() const { return output_.get(); }
  /// Takes what standard output and error have to give, without waiting; false once they are closed.
  bool read_output();
  std::string output() const { return text_.text(); }

  /// The status as waitpid() gives it, once the child has ended; waits no longer than `patience`, and reads
  /// what it prints meanwhile.
  std::optional<int> wait(std::chrono::milliseconds patience);
  void signal(int number) const;

 private:
  pid_t pid_ = -1;
  FileDescriptor output_;
  BoundedText text_;
  std::optional<int> status_;
};

}  // namespace yoke::system
