#include "runtime/step_pace.h"

#include <gtest/gtest.h>

namespace yoke::runtime {
namespace {

TEST(StepPace, LetsPromptsHaveAllUntilItKnowsWhatTheyCost) {
  StepPace pace(0.25);
  EXPECT_EQ(pace.prompt_tokens(512), 512);
  pace.saw(1, 10);  // tells nothing of a prompt
  EXPECT_EQ(pace.prompt_tokens(512), 512);
}

TEST(StepPace, KeepsAStepAsShortAsItWasAskedTo) {
  StepPace pace(0.25);
  pace.saw(500, 1);
  EXPECT_EQ(pace.prompt_tokens(512), 125);
  for (int i = 0; i < 50; ++i) pace.saw(500, 2);
  EXPECT_NEAR(pace.prompt_tokens(512), 62, 1);
}

TEST(StepPace, LetsAPromptGoOnHoweverSlowItIs) {
  StepPace pace(0.25);
  pace.saw(100, 1000);
  EXPECT_EQ(pace.prompt_tokens(512), 32);
  EXPECT_EQ(pace.prompt_tokens(8), 8);
}

}  // namespace
}  // namespace yoke::runtime
