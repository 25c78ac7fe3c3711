// A program that was started, what it prints, and its end.
#pragma once

#include <poll.h>
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
  /// Whether something between the beginning and the end was left out.
  bool cut() const { return cut_; }
  /// Takes away and returns the first line that is complete, without its end; nothing where something was
  /// left out.
  std::optional<std::string> take_line();

 private:
  std::size_t half_;
  std::string first_;
  std::string last_;
  bool cut_ = false;
};

struct ChildStreams {
  bool input = false;            // it reads what write_input() is given; else /dev/null
  bool separate_errors = false;  // standard error is no part of output()
  std::size_t half = 16384;      // bytes of its beginning and of its end that are kept of each
};

/// The child leads a process group of its own (the terminal's Ctrl-C is not for it), and is killed when the
/// thread that started it ends: start it from a thread that stays. Not thread-safe.
class ChildProcess {
 public:
  /// command[0] is the program's path. Throws Error if it cannot be executed.
  ChildProcess(const std::vector<std::string>& command, const Environment& environment,
               const ChildStreams& streams = {});
  /// Kills what still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// Readable when read_output() has something to do.
  int output_fd() const { return output_.get(); }
  /// What to poll until there is something for exchange() to do.
  std::vector<pollfd> polled() const;
  /// Takes what standard output and error have to give, without waiting; false once they are closed.
  bool read_output();
  /// read_output(), and gives what can be given of what the child is to read.
  bool exchange();
  /// The child reads this in time; at once as far as that needs no waiting, the rest in exchange() and
  /// wait().
  void write_input(std::string_view bytes);
  /// The child finds the end of its input behind what was written.
  void close_input();

  std::string output() const { return text_.text(); }
  /// Whether output() lacks what was printed in the middle.
  bool output_cut() const { return text_.cut(); }
  /// Takes away and returns the first line that is complete, without its end.
  std::optional<std::string> take_line() { return text_.take_line(); }
  std::string errors() const { return error_text_.text(); }

  /// The status as waitpid() gives it, once the child has ended; waits no longer than `patience`, and reads
  /// what it prints meanwhile.
  std::optional<int> wait(std::chrono::milliseconds patience);
  void signal(int number) const;

 private:
  void give_input();

  pid_t pid_ = -1;
  FileDescriptor input_;
  FileDescriptor output_;
  FileDescriptor errors_;
  std::string pending_input_;
  bool input_ends_ = false;
  BoundedText text_;
  BoundedText error_text_;
  std::optional<int> status_;
};

}  // namespace yoke::system
