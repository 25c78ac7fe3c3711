#include "system/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "system/exec.h"

namespace yoke::system {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A pair of sockets, not a pipe: writing to a child that reads no more is then an error, not a signal.
Pipe open_input() {
  std::array<int, 2> ends{};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "cannot open a socket: {}",
          std::strerror(errno));
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

Pipe open_nothing() {
  FileDescriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  require(static_cast<bool>(nothing), "cannot open /dev/null: {}", std::strerror(errno));
  return {std::move(nothing), {}};
}

/// Appends what `from` has to give, without waiting, and closes it at its end.
void drain(FileDescriptor& from, BoundedText& to) {
  std::array<char, 4096> chunk;
  while (from) {
    const ssize_t n = ::read(from.get(), chunk.data(), chunk.size());
    if (n > 0) {
      to.append({chunk.data(), static_cast<std::size_t>(n)});
    } else if (n == 0) {
      from.close();
    } else if (errno != EINTR) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) from.close();
      return;
    }
  }
}

void make_non_blocking(const FileDescriptor& file) { ::fcntl(file.get(), F_SETFL, O_NONBLOCK); }

/// In the child, between fork and exec: only what a signal handler may do. Returns if something failed.
void become(const ExecWords& words, int input, int output, int errors, pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return;
  if (::getppid() != parent) ::_exit(1);  // it died before that took effect
  ::setpgid(0, 0);
  if (::dup2(input, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 ||
      ::dup2(errors, STDERR_FILENO) < 0)
    return;
  words.execute();
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

std::optional<std::string> BoundedText::take_line() {
  if (cut_) return std::nullopt;
  std::string kept = first_ + last_;
  const std::size_t end = kept.find('\n');
  if (end == std::string::npos) return std::nullopt;
  first_.clear();
  last_.clear();
  append(std::string_view(kept).substr(end + 1));
  kept.resize(end);
  return kept;
}

ChildProcess::ChildProcess(const std::vector<std::string>& command, const Environment& environment,
                           const ChildStreams& streams)
    : text_(streams.half), error_text_(streams.half) {
  const ExecWords words(command, environment);
  Pipe input = streams.input ? open_input() : open_nothing();
  Pipe output = open_pipe();
  Pipe errors = streams.separate_errors ? open_pipe() : Pipe{};
  Pipe failure = open_pipe();
  const pid_t parent = ::getpid();

  pid_ = ::fork();
  require(pid_ >= 0, "cannot start {}: {}", command.at(0), std::strerror(errno));
  if (pid_ == 0) {
    become(words, input.read.get(), output.write.get(), (errors.write ? errors : output).write.get(), parent);
    end_unexecuted(failure.write);
  }
  input.read.close();
  output.write.close();
  errors.write.close();
  failure.write.close();
  if (const int error = wait_for_exec(failure.read)) {
    ::waitpid(pid_, nullptr, 0);
    fail("cannot execute {}: {}", command.at(0), std::strerror(error));
  }
  input_ = std::move(input.write);
  output_ = std::move(output.read);
  errors_ = std::move(errors.read);
  for (const FileDescriptor* each : {&input_, &output_, &errors_})
    if (*each) make_non_blocking(*each);
}

ChildProcess::~ChildProcess() {
  if (wait(milliseconds{0})) return;
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::vector<pollfd> ChildProcess::polled() const {
  std::vector<pollfd> result;
  if (output_) result.push_back({output_.get(), POLLIN, 0});
  if (errors_) result.push_back({errors_.get(), POLLIN, 0});
  if (input_ && !pending_input_.empty()) result.push_back({input_.get(), POLLOUT, 0});
  return result;
}

bool ChildProcess::read_output() {
  drain(output_, text_);
  drain(errors_, error_text_);
  return output_ || errors_;
}

bool ChildProcess::exchange() {
  give_input();
  return read_output();
}

void ChildProcess::write_input(std::string_view bytes) {
  if (!input_) return;
  pending_input_ += bytes;
  give_input();
}

void ChildProcess::close_input() {
  input_ends_ = true;
  give_input();
}

void ChildProcess::give_input() {
  while (input_ && !pending_input_.empty()) {
    const ssize_t n = ::send(input_.get(), pending_input_.data(), pending_input_.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      pending_input_.erase(0, static_cast<std::size_t>(n));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      pending_input_.clear();  // it reads no more
      input_.close();
    }
  }
  if (input_ends_) input_.close();
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
      std::vector<pollfd> descriptors = polled();
      ::poll(descriptors.data(), descriptors.size(), 5);
    }
    exchange();
  }
  return status_;
}

void ChildProcess::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

}  // namespace yoke::system
