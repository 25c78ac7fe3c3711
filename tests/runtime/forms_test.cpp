#include "runtime/forms.h"

#include <gtest/gtest.h>

#include <limits>

namespace yoke::runtime {
namespace {

constexpr std::int32_t never = std::numeric_limits<std::int32_t>::max();

/// Expanded are those of the 13 positions that are marked.
std::string drawn(const Forms& forms) {
  std::string text;
  for (std::int32_t i = 0; i < 13; ++i) text += forms.expanded(i) ? 'e' : '-';
  return text;
}

TEST(Forms, AreExpandedInCellsThatWereGivenWhole) {
  using Given = std::vector<Stretch>;
  EXPECT_EQ(drawn(Forms(Given{{0, 11}}, 4)), "eeeeeeee-----");
  EXPECT_EQ(drawn(Forms(Given{{0, 3}}, 4)), "-------------");
  EXPECT_EQ(drawn(Forms(Given{{0, 4}, {6, 13}}, 4)), "eeee----eeee-");
  EXPECT_EQ(drawn(Forms(Given{{0, 7}, {8, 12}}, 4)), "eeee----eeee-");
  EXPECT_EQ(drawn(Forms(Given{{1, 7}, {9, 15}}, 4)), "-------------");
  EXPECT_EQ(drawn(Forms(Given{{0, 13}}, 0)), "-------------");
  EXPECT_EQ(drawn(Forms()), "-------------");
}

TEST(Forms, SayHowFarAStepMayGo) {
  const Forms forms(std::vector<Stretch>{{0, 5}, {7, 12}}, 4);  // eeee----eeee
  EXPECT_EQ(forms.next_change(0), 8);
  EXPECT_EQ(forms.expanded_below(0), 4);
  EXPECT_EQ(forms.next_change(7), 8);
  EXPECT_LE(forms.expanded_below(7), 7);
  EXPECT_EQ(forms.next_change(8), never);
  EXPECT_EQ(forms.expanded_below(8), 12);
  EXPECT_EQ(Forms(std::vector<Stretch>{{1, 12}}, 4).next_change(0), 4);
  EXPECT_EQ(Forms().next_change(0), never);
}

}  // namespace
}  // namespace yoke::runtime
