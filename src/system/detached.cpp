#include "system/detached.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace yoke::system {

namespace {

std::pair<FileDescriptor, FileDescriptor> open_pipe() {
  std::array<int, 2> ends{};
  require(::pipe2(ends.data(), O_CLOEXEC) == 0, "cannot open a pipe: {}", std::strerror(errno));
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

/// In the grandchild: only what a signal handler may do. Returns if something failed.
void become(char* const* arguments, char* const* environment, int input) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int nothing = ::open("/dev/null", O_WRONLY);
  if (nothing < 0 || ::dup2(input, STDIN_FILENO) < 0 || ::dup2(nothing, STDOUT_FILENO) < 0 ||
      ::dup2(nothing, STDERR_FILENO) < 0)
    return;
  ::close(nothing);
  ::execve(arguments[0], arguments, environment);
}

/// What failed in the grandchild, as errno; 0 where it became the program.
int read_failure(const FileDescriptor& failure) {
  int error = 0;
  ssize_t n = 0;
  do n = ::read(failure.get(), &error, sizeof error);
  while (n < 0 && errno == EINTR);
  return n == sizeof error ? error : 0;
}

}  // namespace

FileDescriptor start_detached(const std::vector<std::string>& command, const Environment& environment) {
  std::vector<std::string> words = command;
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  const std::vector<char*> arguments = pointers(words);
  const std::vector<char*> environment_pointers = pointers(variables);
  auto [input, to_input] = open_pipe();
  auto [failure, to_failure] = open_pipe();  // closed by a successful exec, else it says what failed

  const pid_t child = ::fork();
  require(child >= 0, "cannot start {}: {}", command.at(0), std::strerror(errno));
  if (child == 0) {
    ::setsid();
    const pid_t grandchild = ::fork();
    if (grandchild > 0) ::_exit(0);
    if (grandchild == 0) become(arguments.data(), environment_pointers.data(), input.get());
    const int error = errno;
    [[maybe_unused]] const auto written = ::write(to_failure.get(), &error, sizeof error);
    ::_exit(127);
  }
  input.close();
  to_failure.close();
  const int error = read_failure(failure);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  require(error == 0, "cannot execute {}: {}", command.at(0), std::strerror(error));
  return std::move(to_input);
}

}  // namespace yoke::system
