#include "system/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"

namespace yoke::system {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

Pipe open_pipe() {
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

/// In the child, between fork and exec: only what a signal handler may do. Returns if something failed.
void become(char* const* arguments, char* const* environment, int output, pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return;
  if (::getppid() != parent) ::_exit(1);  // it died before that took effect
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 ||
      ::dup2(output, STDERR_FILENO) < 0)
    return;
  ::close(nothing);
  ::execve(arguments[0], arguments, environment);
}

}  // namespace

void BoundedText::append(std::string_view text) {
  const std::size_t room = half_ - first_.size();
  first_ += text.substr(0, room);
  if (text.size() <= room) return;
  last_ += text.substr(room);
  if (last_.size() <= half_) return;
  last_.erase(0, last_.size() - half_);
  cut_ = true;
}

std::string BoundedText::text() const { return first_ + (cut_ ? "\n...\n" : "") + last_; }

ChildProcess::ChildProcess(const std::vector<std::string>& command, const Environment& environment) {
  std::vector<std::string> words = command;
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  const std::vector<char*> arguments = pointers(words);
  const std::vector<char*> environment_pointers = pointers(variables);
  Pipe output = open_pipe();
  Pipe failure = open_pipe();  // closed by a successful exec, else it says what failed
  const pid_t parent = ::getpid();

  pid_ = ::fork();
  require(pid_ >= 0, "cannot start {}: {}", command.at(0), std::strerror(errno));
  if (pid_ == 0) {
    become(arguments.data(), environment_pointers.data(), output.write.get(), parent);
    const int error = errno;
    [[maybe_unused]] const auto written = ::write(failure.write.get(), &error, sizeof error);
    ::_exit(127);
  }
  output.write.close();
  failure.write.close();
  int error = 0;
  ssize_t n = 0;
  do n = ::read(failure.read.get(), &error, sizeof error);
  while (n < 0 && errno == EINTR);
  if (n == sizeof error) {
    ::waitpid(pid_, nullptr, 0);
    fail("cannot execute {}: {}", command.at(0), std::strerror(error));
  }
  output_ = std::move(output.read);
  ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
}

ChildProcess::~ChildProcess() {
  if (wait(milliseconds{0})) return;
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool ChildProcess::read_output() {
  if (!output_) return false;
  std::array<char, 4096> chunk;
  for (;;) {
    const ssize_t n = ::read(output_.get(), chunk.data(), chunk.size());
    if (n > 0) {
      text_.append({chunk.data(), static_cast<std::size_t>(n)});
    } else if (n == 0) {
      output_.close();
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN || errno == EWOULDBLOCK;
    }
  }
}

std::optional<int> ChildProcess::wait(milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (!status_) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) {
      status_ = status;
    } else if (ended < 0 && errno != EINTR) {
      status_ = 0;  // somebody else has collected it: it is gone
    } else if (Clock::now() >= deadline) {
      return std::nullopt;
    } else {
      // Its end closes the pipe, which ends the poll; the limit covers heirs that keep the pipe open.
      pollfd output{output_.get(), POLLIN, 0};
      ::poll(&output, 1, 5);
    }
    read_output();
  }
  return status_;
}

void ChildProcess::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

}  // namespace yoke::system
