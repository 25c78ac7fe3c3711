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

TEST(BoundedText, GivesItsLinesOneByOne) {
  BoundedText text(4);
  text.append("a\nbc");
  EXPECT_EQ(text.take_line(), "a");
  EXPECT_EQ(text.take_line(), std::nullopt);
  text.append("def\n\nx");
  EXPECT_EQ(text.take_line(), "bcdef");
  EXPECT_EQ(text.take_line(), "");
  EXPECT_EQ(text.text(), "x");
  text.append("0123456789\n");
  EXPECT_EQ(text.take_line(), std::nullopt);  // its middle is lost
}

TEST(ChildProcess, ReadsWhatItIsGivenUntilTheEnd) {
  ChildProcess child({"/bin/sh", "-c", "wc -c"}, {{"PATH", "/usr/bin:/bin"}}, {.input = true});
  const std::string much(1'000'000, 'x');
  child.write_input(much);
  EXPECT_FALSE(child.wait(std::chrono::milliseconds(50)));
  child.write_input(much);
  child.close_input();
  ASSERT_TRUE(child.wait(patience));
  EXPECT_EQ(child.output(), "2000000\n");
}

TEST(ChildProcess, ThatReadsNoMoreDoesNotEndItsStarter) {
  ChildProcess child({"/bin/sh", "-c", "exec <&-; echo closed"}, {}, {.input = true});
  ASSERT_TRUE(child.wait(patience));
  child.write_input("too late");
  child.close_input();
  EXPECT_EQ(child.output(), "closed\n");
}

TEST(ChildProcess, KeepsErrorsApartWhereAsked) {
  ChildProcess child({"/bin/sh", "-c", "echo out; echo err >&2"}, {}, {.separate_errors = true});
  ASSERT_TRUE(child.wait(patience));
  EXPECT_EQ(child.output(), "out\n");
  EXPECT_EQ(child.errors(), "err\n");
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
