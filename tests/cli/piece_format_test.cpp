#include "cli/piece_format.h"

#include <gtest/gtest.h>

#include <string_view>

namespace yoke::cli {
namespace {

TEST(PieceFormat, LeavesPrintableTextAlone) {
  EXPECT_EQ(escaped_piece("größe 中文 😀 'x'"), "größe 中文 😀 'x'");
  EXPECT_EQ(escaped_piece(""), "");
}

TEST(PieceFormat, KeepsAPieceOnOneLineBetweenItsQuotes) {
  EXPECT_EQ(escaped_piece("a\n\r\t\"b\\"), "a\\n\\r\\t\\\"b\\\\");
}

TEST(PieceFormat, ShowsWhatATerminalWouldActUpon) {
  EXPECT_EQ(escaped_piece("\x1b[2J\x7f"), "\\x1B[2J\\x7F");
  EXPECT_EQ(escaped_piece(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(escaped_piece("\u009b"), "\\xC2\\x9B") << "begins a command on some terminals";
  EXPECT_EQ(escaped_piece("\u00a0"), "\u00a0");
}

TEST(PieceFormat, ShowsBytesThatAreNoCharacter) {
  EXPECT_EQ(escaped_piece("a\xF0\x9F\x98"), "a\\xF0\\x9F\\x98");
  EXPECT_EQ(escaped_piece("\xFF\xE4\xB8\xAD"), "\\xFF中");
}

}  // namespace
}  // namespace yoke::cli
