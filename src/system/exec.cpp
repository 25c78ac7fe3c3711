#include "system/exec.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/error.h"

namespace yoke::system {

namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

Pipe open_pipe() {
  std::array<int, 2> ends{};
  require(::pipe2(ends.data(), O_CLOEXEC) == 0, "cannot open a pipe: {}", last_system_error());
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

ExecWords::ExecWords(const std::vector<std::string>& command, const Environment& environment)
    : words_(command) {
  for (const auto& [name, value] : environment) variables_.push_back(name + "=" + value);
  arguments_ = pointers(words_);
  environment_ = pointers(variables_);
}

void ExecWords::execute() const {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(arguments_[0], arguments_.data(), environment_.data());
}

void end_unexecuted(const FileDescriptor& to_parent) {
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(to_parent.get(), &error, sizeof error);
  ::_exit(127);
}

int wait_for_exec(const FileDescriptor& from_child) {
  int error = 0;
  ssize_t n = 0;
  do n = ::read(from_child.get(), &error, sizeof error);
  while (n < 0 && errno == EINTR);
  return n == sizeof error ? error : 0;
}

}  // namespace yoke::system
