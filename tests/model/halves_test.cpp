#include "model/halves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yoke::model {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Sequence 0 at positions 5 to 8, which goes on from a checkpoint, and sequence 1 at 0 and 1.
Batch some_batch() {
  Batch batch;
  batch.add_sequence(3, {10, 11});
  batch.resume(0, 40);
  batch.add_sequence(1, {12});
  for (const std::int32_t position : {5, 6, 7, 8}) {
    batch.add(100 + position, position, 0);
    if (position == 5) batch.keep(41);
    if (position == 6) batch.want({});
    if (position == 7) batch.keep(42);
  }
  batch.add(200, 0, 1);
  batch.add(201, 1, 1);
  batch.want({});
  return batch;
}

std::vector<std::int32_t> states_of(std::span<const ops::Checkpoint> checkpoints) {
  std::vector<std::int32_t> states;
  for (const ops::Checkpoint& each : checkpoints) states.push_back(each.state);
  return states;
}

TEST(Halves, DivideTokensAndWhatIsAskedForWithThem) {
  const Batch batch = some_batch();
  const Halves halves(batch, 2);
  EXPECT_THAT(halves.step(0).tokens, ElementsAre(105, 106));
  EXPECT_THAT(halves.step(0).positions, ElementsAre(5, 6));
  EXPECT_THAT(halves.step(0).wanted, ElementsAre(1));
  EXPECT_THAT(halves.step(1).tokens, ElementsAre(107, 108, 200, 201));
  EXPECT_THAT(halves.step(1).sequences, ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(halves.step(1).wanted, ElementsAre(3));
}

TEST(Halves, TheSecondGoesOnFromWhereTheFirstHasLeftASequence) {
  const Batch batch = some_batch();
  const Halves after_two(batch, 2);
  EXPECT_THAT(after_two.step(0).resumed, ElementsAre(40, 1));
  EXPECT_THAT(after_two.step(1).resumed, ElementsAre(3, 1));
  const Halves after_five(batch, 5);
  EXPECT_THAT(after_five.step(1).resumed, ElementsAre(3, 1));
}

TEST(Halves, ACheckpointIsTakenInTheHalfThatHasItsToken) {
  const Batch batch = some_batch();
  const Halves after_one(batch, 1);
  EXPECT_THAT(states_of(after_one.step(0).checkpoints), ElementsAre(41));
  EXPECT_THAT(states_of(after_one.step(1).checkpoints), ElementsAre(42));
  const Halves after_four(batch, 4);
  EXPECT_THAT(states_of(after_four.step(0).checkpoints), ElementsAre(41, 42));
  EXPECT_THAT(states_of(after_four.step(1).checkpoints), IsEmpty());
}

}  // namespace
}  // namespace yoke::model
