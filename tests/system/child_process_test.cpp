#include "system/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "base/error.h"

namespace yoke::system {
namespace {

constexpr std::chrono::seconds patience{20};

TEST(BoundedText, KeepsTheBeginningAndTheEnd) {
  BoundedText text(4);
  text.append("ab");
  EXPECT_EQ(text.text(), "ab");
  text.append("cdef");
  EXPECT_EQ(text.text(), "abcdef");
  for (int i = 0; i < 1000; ++i) text.append("0123456789");
  EXPECT_EQ(text.text(), "abcd\n...\n6789");
}

TEST(ChildProcess, CollectsWhatItPrintsAndItsStatus) {
  ChildProcess child({"/bin/sh", "-c", "echo out; echo err >&2; echo $X; exit 3"}, {{"X", "value"}});
  const auto status = child.wait(patience);
  ASSERT_TRUE(status);
  EXPECT_EQ(WEXITSTATUS(*status), 3);
  EXPECT_EQ(child.output(), "out\nerr\nvalue\n");
}

TEST(ChildProcess, PrintingMoreThanAPipeHoldsDoesNotBlockIt) {
  ChildProcess child({"/bin/sh", "-c", "head -c 1000000 /dev/zero; echo end"}, {{"PATH", "/usr/bin:/bin"}});
  ASSERT_TRUE(child.wait(patience));
  EXPECT_THAT(child.output(), testing::EndsWith("end\n"));
}

TEST(ChildProcess, WaitsNoLongerThanAsked) {
  ChildProcess child({"/bin/sleep", "1000"}, {});
  EXPECT_FALSE(child.wait(std::chrono::milliseconds(10)));
  child.signal(SIGTERM);
  const auto status = child.wait(patience);
  ASSERT_TRUE(status);
  EXPECT_EQ(WTERMSIG(*status), SIGTERM);
}

TEST(ChildProcess, IsKilledByTheDestructor) {
  pid_t pid = 0;
  {
    const ChildProcess child({"/bin/sleep", "1000"}, {});
    pid = child.pid();
    EXPECT_EQ(::getpgid(pid), pid);  // the terminal's Ctrl-C is not for it
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(ChildProcess, ReadsNothing) {
  ChildProcess child({"/bin/sh", "-c", "read line || echo nothing"}, {});
  ASSERT_TRUE(child.wait(patience));
  EXPECT_EQ(child.output(), "nothing\n");
}

TEST(ChildProcess, AProgramThatCannotBeExecutedIsAnError) {
  try {
    ChildProcess child({"/nonexistent/program"}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cannot execute /nonexistent/program: No such file or directory");
  }
}

}  // namespace
}  // namespace yoke::system
