#include "terminal/line_editor.h"

#include <gtest/gtest.h>

namespace yoke::terminal {
namespace {

// The editing itself needs a terminal: tests/e2e/conversation_test.py.

TEST(HistoryFile, StandsWhereTheEnvironmentSays) {
  EXPECT_EQ(history_file({{"XDG_STATE_HOME", "/state"}, {"HOME", "/home/a"}}), "/state/yoke/history");
  EXPECT_EQ(history_file({{"HOME", "/home/a"}}), "/home/a/.local/state/yoke/history");
}

TEST(HistoryFile, ARelativeFolderDoesNotCount) {
  EXPECT_EQ(history_file({{"XDG_STATE_HOME", "state"}, {"HOME", "/home/a"}}),
            "/home/a/.local/state/yoke/history");
  EXPECT_EQ(history_file({{"XDG_STATE_HOME", ""}, {"HOME", "/home/a"}}), "/home/a/.local/state/yoke/history");
}

TEST(HistoryFile, IsNoneWithoutAHome) {
  EXPECT_TRUE(history_file({}).empty());
  EXPECT_TRUE(history_file({{"HOME", "."}}).empty());
}

}  // namespace
}  // namespace yoke::terminal
