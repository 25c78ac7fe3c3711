#include "base/printable.h"

#include <gtest/gtest.h>

namespace yoke {
namespace {

TEST(Printable, HidesWhatATerminalMightActUpon) {
  EXPECT_EQ(printable("blk.0.attn_q"), "blk.0.attn_q");
  EXPECT_EQ(printable("a\x1b[2J\n\xff"), "a\\x1b[2J\\x0a\\xff");
  EXPECT_EQ(printable(std::string(100, 'x')), std::string(64, 'x') + "...");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

}  // namespace
}  // namespace yoke
