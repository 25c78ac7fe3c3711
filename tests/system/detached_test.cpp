#include "system/detached.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "base/error.h"
#include "common/error_of.h"
#include "system/run_directory.h"

namespace yoke::system {
namespace {

/// A fifo that a program writes to, so that a test can wait for it without a clock of its own.
class Detached : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::mkfifo(fifo().c_str(), 0600), 0);
    reader_ = FileDescriptor(::open(fifo().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  std::string fifo() const { return directory_.path() / "fifo"; }
  std::vector<std::string> program() const { return {"/bin/sh", "-c", "cat > " + fifo()}; }

  /// What the program has written, which must come within 20 s.
  std::string written() const {
    pollfd readable{reader_.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&readable, 1, 20000), 1);
    std::array<char, 64> text{};
    const ssize_t n = ::read(reader_.get(), text.data(), text.size());
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
  }

  const RunDirectory directory_{std::filesystem::path(testing::TempDir())};
  FileDescriptor reader_;
};

void write_to(const FileDescriptor& file, const std::string& text) {
  ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST_F(Detached, ReadsWhatItIsGivenAndFindsItsEnd) {
  FileDescriptor input = start_detached(program(), current_environment());
  write_to(input, "hello");
  input.close();
  EXPECT_EQ(written(), "hello");
}

TEST_F(Detached, OutlivesAStarterThatIsKilled) {
  const pid_t starter = ::fork();
  ASSERT_GE(starter, 0);
  if (starter == 0) {
    const FileDescriptor input = start_detached(program(), current_environment());
    write_to(input, "last will");
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(starter, &status, 0), starter);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(written(), "last will");
}

TEST_F(Detached, SaysWhatCannotBeExecuted) {
  EXPECT_THAT(error_of([] { start_detached({"/nonexistent/program"}, {}); }),
              testing::HasSubstr("/nonexistent/program"));
}

}  // namespace
}  // namespace yoke::system
