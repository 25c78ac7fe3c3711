// Between fork() and execve(): what every start of a program shares.
#pragma once

#include <string>
#include <vector>

#include "base/file_descriptor.h"
#include "system/environment.h"

namespace yoke::system {

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};
/// Closed by a successful exec. Throws Error.
Pipe open_pipe();

/// A command and its variables as execve() takes them, made before fork().
class ExecWords {
 public:
  ExecWords(const std::vector<std::string>& command, const Environment& environment);
  ExecWords(const ExecWords&) = delete;  // pointers into itself
  ExecWords& operator=(const ExecWords&) = delete;

  /// In the child: becomes the program, with signals as a program expects them. Only what a signal handler
  /// may do; returns if it failed.
  void execute() const;

 private:
  std::vector<std::string> words_;
  std::vector<std::string> variables_;
  std::vector<char*> arguments_;
  std::vector<char*> environment_;
};

/// In the child: tells its parent through open_pipe()'s end what failed (errno), and ends.
[[noreturn]] void end_unexecuted(const FileDescriptor& to_parent);

/// In the parent, once it has closed its copy of the other end: waits until the child has become the program,
/// which is 0, or what it told to have failed.
int wait_for_exec(const FileDescriptor& from_child);

}  // namespace yoke::system
