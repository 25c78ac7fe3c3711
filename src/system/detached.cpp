#include "system/detached.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "system/exec.h"

namespace yoke::system {

namespace {

/// In the grandchild: only what a signal handler may do. Returns if something failed.
void become(const ExecWords& words, const FileDescriptor& input) {
  const int nothing = ::open("/dev/null", O_WRONLY);
  if (nothing < 0 || ::dup2(input.get(), STDIN_FILENO) < 0 || ::dup2(nothing, STDOUT_FILENO) < 0 ||
      ::dup2(nothing, STDERR_FILENO) < 0)
    return;
  ::close(nothing);
  words.execute();
}

}  // namespace

FileDescriptor start_detached(const std::vector<std::string>& command, const Environment& environment) {
  const ExecWords words(command, environment);
  Pipe input = open_pipe();
  Pipe failure = open_pipe();

  const pid_t child = ::fork();
  require(child >= 0, "cannot start {}: {}", command.at(0), std::strerror(errno));
  if (child == 0) {
    ::setsid();
    const pid_t grandchild = ::fork();
    if (grandchild > 0) ::_exit(0);
    if (grandchild == 0) become(words, input.read);
    end_unexecuted(failure.write);
  }
  input.read.close();
  failure.write.close();
  const int error = wait_for_exec(failure.read);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  require(error == 0, "cannot execute {}: {}", command.at(0), std::strerror(error));
  return std::move(input.write);
}

}  // namespace yoke::system
