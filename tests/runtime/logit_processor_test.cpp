#include "runtime/logit_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace yoke::runtime {
namespace {

using testing::ElementsAre;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float most = std::numeric_limits<float>::max();

TEST(AllFinite, SeesWhatIsNot) {
  const std::vector<float> finite = {0, -0.0f, most, -most, std::numeric_limits<float>::denorm_min()};
  EXPECT_TRUE(all_finite({}));
  EXPECT_TRUE(all_finite(finite));
  for (const float odd : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN(),
                          -std::numeric_limits<float>::signaling_NaN()}) {
    for (std::size_t place = 0; place < 40; ++place) {
      std::vector<float> logits(40, 1);
      logits[place] = odd;
      EXPECT_FALSE(all_finite(logits));
    }
  }
}

TEST(Adjust, AddsBiasBeforePenaltiesAndOnlyToItsOwnTokens) {
  model::WantedRow row;
  row.bias = {{99, 7}, {100, 3}, {102, -infinity}, {104, 7}};
  row.recent = {{99, 1}, {100, 2}, {101, 1}, {102, 5}, {104, 1}};
  row.repetition_penalty = 2;
  row.presence_penalty = 0.5f;
  row.frequency_penalty = 0.25f;
  std::vector<float> logits = {1, -1, 4, 8};
  adjust(logits, 100, row);
  EXPECT_THAT(logits, ElementsAre((1 + 3) / 2.0f - 0.5f - 2 * 0.25f, -1 * 2.0f - 0.5f - 0.25f, -infinity, 8));
}

TEST(Adjust, LeavesLogitsAloneWherePenaltiesAreNeutral) {
  model::WantedRow row;
  row.recent = {{0, 3}, {1, 1}};
  std::vector<float> logits = {0.1f, -0.3f};
  adjust(logits, 0, row);
  EXPECT_THAT(logits, ElementsAre(0.1f, -0.3f));
}

TEST(Adjust, NeverMakesALogitInfiniteThatIsNotForbidden) {
  model::WantedRow row;
  row.bias = {{0, most}, {1, -most}};
  row.recent = {{0, 1}, {1, 1}, {2, 1}, {3, 1}};
  row.repetition_penalty = std::numeric_limits<float>::denorm_min();
  std::vector<float> logits = {1e30f, -1e30f, 5, 0};
  adjust(logits, 0, row);
  EXPECT_THAT(logits[0], most);
  EXPECT_TRUE(logits[1] <= 0 && logits[1] >= -most);
  EXPECT_THAT(logits[2], most);
  EXPECT_THAT(logits[3], 0);
  row.presence_penalty = most;
  row.frequency_penalty = most;
  adjust(logits, 0, row);
  for (const float logit : logits) EXPECT_GE(logit, -most);
}

}  // namespace
}  // namespace yoke::runtime
