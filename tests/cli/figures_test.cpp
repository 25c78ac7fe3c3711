#include "cli/figures.h"

#include <gtest/gtest.h>

namespace yoke::cli {
namespace {

TEST(Figures, TheRateOfDecodingLeavesOutTheTokenThatThePromptGave) {
  runtime::Statistics statistics;
  statistics.generated_tokens = 11;
  statistics.decode_seconds = 2;
  EXPECT_EQ(decode_rate(statistics), 5);
}

TEST(Figures, ThereIsNoRateWhereNothingWasDecoded) {
  EXPECT_EQ(decode_rate({}), 0);
  runtime::Statistics one;
  one.generated_tokens = 1;
  one.decode_seconds = 0.5;
  EXPECT_EQ(decode_rate(one), 0);
}

TEST(Figures, LoadingTookAsLongAsTheSlowestRank) {
  std::vector<runtime::RankReport> ranks(3);
  ranks[0].load_seconds = 1;
  ranks[1].load_seconds = 2.5;
  EXPECT_EQ(longest_load_seconds(ranks), 2.5);
}

TEST(Figures, ALargerContextIsOfferedOnlyWhereTheModelHasOne) {
  EXPECT_EQ(context_advice({2048, 64, 512}),
            "a larger one can be asked for with --ctx, up to the 512 that the model was trained for");
  EXPECT_EQ(context_advice({2048, 512, 512}), "the model was trained for no more");
}

}  // namespace
}  // namespace yoke::cli
