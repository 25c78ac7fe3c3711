#include "base/file_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

namespace yoke {
namespace {

int open_nothing() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(FileDescriptor, ClosesWhatItOwnsAtItsEnd) {
  int number = -1;
  {
    const FileDescriptor file(open_nothing());
    number = file.get();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(FileDescriptor, HasOneOwnerAfterAMove) {
  FileDescriptor first(open_nothing());
  const int number = first.get();
  FileDescriptor second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): it owns none now
  EXPECT_EQ(second.get(), number);
  FileDescriptor third;
  third = std::move(second);
  EXPECT_TRUE(is_open(number));
  EXPECT_TRUE(third.close());
  EXPECT_FALSE(third);
  EXPECT_FALSE(is_open(number));
}

TEST(FileDescriptor, SaysWhetherClosingWentWell) {
  FileDescriptor file(open_nothing());
  ::close(file.get());
  EXPECT_FALSE(file.close());
  EXPECT_EQ(last_system_error(), "Bad file descriptor");
  EXPECT_TRUE(FileDescriptor().close());
}

}  // namespace
}  // namespace yoke
