#include "terminal/line_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <histedit.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/scratch.h"

namespace yoke::terminal {
namespace {

using testing::ElementsAre;

/// From the oldest to the newest.
std::vector<std::string> lines_of(const LineHistory& history) {
  std::vector<std::string> lines;
  HistEvent event;
  for (int found = ::history(history.get(), &event, H_LAST); found >= 0;
       found = ::history(history.get(), &event, H_PREV)) {
    lines.emplace_back(event.str);
  }
  return lines;
}

std::vector<std::string> lines_in(const std::filesystem::path& file) { return lines_of(LineHistory(file)); }

TEST(LineHistory, LinesComeBackInTheirOrder) {
  const ScratchFolder folder;
  const auto file = folder / "new/folder/history";
  const std::vector<std::string> lines{"first", "  two words\t", "Ünïcødé \\ and \"quotes\"",
                                       std::string(9000, 'x')};
  {
    LineHistory history(file);
    for (const std::string& line : lines) history.add(line);
  }
  EXPECT_EQ(lines_in(file), lines);
}

TEST(LineHistory, KeepsTheLinesOfConversationsAtTheSameTime) {
  const ScratchFolder folder;
  const auto file = folder / "history";
  LineHistory first(file), second(file);  // neither knows of the other's lines
  first.add("a");
  second.add("b");
  first.add("c");
  second.add("d");
  EXPECT_THAT(lines_of(first), ElementsAre("a", "c"));
  EXPECT_THAT(lines_in(file), ElementsAre("a", "b", "c", "d"));
}

TEST(LineHistory, ALineIsInTheFileAsSoonAsItIsAdded) {
  const ScratchFolder folder;
  LineHistory history(folder / "history");
  history.add("at once");
  EXPECT_THAT(lines_in(folder / "history"), ElementsAre("at once"));
}

TEST(LineHistory, KeepsALineThatIsRepeatedOnce) {
  const ScratchFolder folder;
  const auto file = folder / "history";
  LineHistory history(file);
  for (const char* line : {"a", "a", "b", "b", "a"}) history.add(line);
  const std::string bytes = read_file(file);
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\n'), 4);  // one is libedit's own
  EXPECT_THAT(lines_in(file), ElementsAre("a", "b", "a"));
}

TEST(LineHistory, AFileThatHasGrownIsCutToTheNewestLines) {
  const ScratchFolder folder;
  const auto file = folder / "history";
  const auto fill = [&](int lines) {
    std::string bytes = "_HiStOrY_V2_\n";
    for (int i = 0; i < lines; ++i) bytes += "line" + std::to_string(i) + "\n";
    write_file(file, bytes);
    return bytes.size();
  };
  const auto before = fill(2 * LineHistory::most_lines);
  LineHistory{file};
  EXPECT_EQ(read_file(file).size(), before);  // not at every start
  fill(2 * LineHistory::most_lines + 1);
  LineHistory{file};
  const std::string bytes = read_file(file);
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\n'), LineHistory::most_lines + 1);
  EXPECT_EQ(lines_in(file).front(), "line1001");
  EXPECT_EQ(lines_in(file).back(), "line2000");
}

TEST(LineHistory, WhatIsNoHistoryMakesRoomForOne) {
  const ScratchFolder folder;
  const auto file = write_file(folder / "history", std::string("\0\xff garbage\n\n", 12));
  LineHistory history(file);
  EXPECT_THAT(lines_of(history), ElementsAre());
  history.add("a");
  history.add("b");
  EXPECT_THAT(lines_in(file), ElementsAre("a", "b"));
}

TEST(LineHistory, NobodyElseMayReadIt) {
  const ScratchFolder folder;
  for (const char* name : {"made", "found"}) {
    const auto file = folder / name;
    if (std::string(name) == "found") {
      write_file(file, "");
      ::chmod(file.c_str(), 0644);
    }
    LineHistory(file).add("a secret");
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600);
  }
}

TEST(LineHistory, GoesOnWithoutAFile) {
  const ScratchFolder folder;
  write_file(folder / "blocked", "");
  for (const std::filesystem::path& file :
       {std::filesystem::path(), folder / "blocked/history", folder.path()}) {
    LineHistory history(file);
    history.add("a");
    EXPECT_THAT(lines_of(history), ElementsAre("a"));
  }
}

}  // namespace
}  // namespace yoke::terminal
