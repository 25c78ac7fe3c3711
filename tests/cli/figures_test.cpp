#include "cli/figures.h"

#include <gtest/gtest.h>

#include <filesystem>

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

TEST(Figures, ALargerContextIsOfferedOnlyWhereTheModelHasOne) {
  const std::string demo = std::filesystem::path(YOKE_MODELS) / "demo.gguf";
  EXPECT_EQ(context_advice(64, demo),
            "a larger one can be asked for with --ctx, up to the 512 that the model was trained for");
  EXPECT_EQ(context_advice(512, demo), "the model was trained for no more");
}

}  // namespace
}  // namespace yoke::cli
