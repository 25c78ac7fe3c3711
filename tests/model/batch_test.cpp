#include "model/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace yoke::model {
namespace {

WantedRow drawn() {
  WantedRow row;
  row.want = Want::candidates;
  row.bias = {{5, -std::numeric_limits<float>::infinity()}, {6, 1.5f}};
  row.recent = {{17, 1}, {4, 3}};
  row.repetition_penalty = 1.25f;
  row.presence_penalty = -0.5f;
  row.frequency_penalty = 0.25f;
  row.temperature = 0.75f;
  row.vocabulary_limit = 300;
  row.candidates = 64;
  row.sums = true;
  row.log_probabilities = 5;
  return row;
}

Batch two_sequences() {
  Batch batch;
  batch.add_sequence(1, {3, 1});
  batch.add_sequence(0, {0});
  batch.add(17, 64, 0);
  batch.add(4, 0, 1);
  batch.want(drawn());
  batch.add(5, 1, 1);
  batch.want({.target = 9, .want = Want::log_probability});
  batch.keep(3);
  batch.resume(0, 2);
  return batch;
}

std::vector<std::byte> bytes_of(const Batch& batch) {
  ByteWriter writer;
  writer(batch);
  return writer.take();
}

Batch read(std::span<const std::byte> bytes) {
  Batch batch;
  ByteReader(bytes, "a batch")(batch);
  batch.check();
  return batch;
}

TEST(Batch, SurvivesTheWire) {
  const Batch batch = two_sequences();
  const Batch copy = read(bytes_of(batch));
  EXPECT_EQ(copy.tokens, batch.tokens);
  EXPECT_EQ(copy.positions, batch.positions);
  EXPECT_EQ(copy.sequences, batch.sequences);
  EXPECT_THAT(copy.wanted_at, testing::ElementsAre(1, 2));
  ASSERT_EQ(copy.wanted.size(), 2);
  const WantedRow& row = copy.wanted[0];
  EXPECT_EQ(row.want, Want::candidates);
  ASSERT_EQ(row.bias.size(), 2);
  EXPECT_EQ(row.bias[0].token, 5);
  EXPECT_EQ(row.bias[0].bias, -std::numeric_limits<float>::infinity());
  ASSERT_EQ(row.recent.size(), 2);
  EXPECT_EQ(row.recent[1].token, 4);
  EXPECT_EQ(row.recent[1].count, 3);
  EXPECT_EQ(row.repetition_penalty, 1.25f);
  EXPECT_EQ(row.presence_penalty, -0.5f);
  EXPECT_EQ(row.frequency_penalty, 0.25f);
  EXPECT_EQ(row.temperature, 0.75f);
  EXPECT_EQ(row.vocabulary_limit, 300);
  EXPECT_EQ(row.candidates, 64);
  EXPECT_TRUE(row.sums);
  EXPECT_EQ(row.log_probabilities, 5);
  EXPECT_EQ(copy.wanted[1].want, Want::log_probability);
  EXPECT_EQ(copy.wanted[1].target, 9);
  EXPECT_EQ(copy.page_tables, batch.page_tables);
  EXPECT_THAT(copy.slots, testing::ElementsAre(1, 0));
  EXPECT_THAT(copy.resumed, testing::ElementsAre(2, 0));
  ASSERT_EQ(copy.checkpoints.size(), 1);
  EXPECT_EQ(copy.checkpoints[0].sequence, 1);
  EXPECT_EQ(copy.checkpoints[0].position, 2);
  EXPECT_EQ(copy.checkpoints[0].state, 3);
}

TEST(Batch, RefusesStatesThatTwoUseOfWhichOneWrites) {
  const auto refuses = [](auto change) {
    Batch batch = two_sequences();
    change(batch);
    EXPECT_THROW(read(bytes_of(batch)), Error);
  };
  refuses([](Batch& batch) { batch.resumed = {0, 0}; });
  refuses([](Batch& batch) { batch.resumed = {1}; });
  refuses([](Batch& batch) { batch.resumed = {-1, 0}; });
  refuses([](Batch& batch) { batch.checkpoints[0].state = 1; });
  refuses([](Batch& batch) { batch.checkpoints[0].state = 2; });
  refuses([](Batch& batch) { batch.checkpoints[0].state = -1; });
  refuses([](Batch& batch) { batch.checkpoints[0].position = 3; });
  refuses([](Batch& batch) { batch.checkpoints[0].sequence = 2; });
  refuses([](Batch& batch) { batch.checkpoints.push_back({1, 1, 4}); });
}

TEST(Batch, RefusesEveryTruncation) {
  const std::vector<std::byte> bytes = bytes_of(two_sequences());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(read(std::span(bytes).first(length)), Error) << length << " bytes";
  }
}

TEST(Batch, RefusesPositionsWithoutAPageAndSequencesWithoutATable) {
  Batch batch = two_sequences();
  batch.positions[0] = 128;
  EXPECT_THROW(read(bytes_of(batch)), Error);
  batch = two_sequences();
  batch.sequences[1] = 2;
  EXPECT_THROW(read(bytes_of(batch)), Error);
  batch = two_sequences();
  batch.positions.pop_back();
  EXPECT_THROW(read(bytes_of(batch)), Error);
}

TEST(Batch, RefusesTokensAndPagesThatCannotBe) {
  Batch batch = two_sequences();
  batch.tokens[0] = -1;
  EXPECT_THROW(read(bytes_of(batch)), Error);
  batch = two_sequences();
  batch.page_tables[0][1] = -1;
  EXPECT_THROW(read(bytes_of(batch)), Error);
}

TEST(Batch, RefusesSlotsThatCannotBe) {
  for (const std::vector<std::int32_t>& slots :
       {std::vector<std::int32_t>{}, {1}, {0, 1, 2}, {1, 1}, {0, -1}}) {
    Batch batch = two_sequences();
    batch.slots = slots;
    EXPECT_THROW(read(bytes_of(batch)), Error) << testing::PrintToString(slots);
  }
}

TEST(Batch, RefusesTokensOfASequenceThatAreNotAtConsecutivePositions) {
  for (const std::int32_t position : {0, 2, 63}) {
    Batch batch = two_sequences();
    batch.positions[2] = position;
    EXPECT_THROW(read(bytes_of(batch)), Error) << position;
  }
}

TEST(Batch, RefusesWantedRowsThatAreNotTokensOfItInTheirOrder) {
  for (const std::vector<std::int32_t>& places :
       {std::vector<std::int32_t>{1}, {1, 2, 2}, {1, 1}, {2, 1}, {-1, 1}, {1, 3}}) {
    Batch batch = two_sequences();
    batch.wanted_at = places;
    EXPECT_THROW(read(bytes_of(batch)), Error) << testing::PrintToString(places);
  }
}

TEST(Batch, RefusesSamplingFactsThatCannotBe) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<void (*)(WantedRow&)> damages = {
      [](WantedRow& row) { row.target = -1; },
      [](WantedRow& row) { row.vocabulary_limit = 0; },
      [](WantedRow& row) { row.candidates = 0; },
      [](WantedRow& row) { row.log_probabilities = -2; },
      [](WantedRow& row) { row.temperature = -1; },
      [](WantedRow& row) { row.temperature = nan; },
      [](WantedRow& row) { row.repetition_penalty = 0; },
      [](WantedRow& row) { row.repetition_penalty = infinity; },
      [](WantedRow& row) { row.presence_penalty = nan; },
      [](WantedRow& row) { row.frequency_penalty = -infinity; },
      [](WantedRow& row) { row.bias[0].token = -1; },
      [](WantedRow& row) { row.bias[1].bias = infinity; },
      [](WantedRow& row) { row.bias[1].bias = nan; },
      [](WantedRow& row) { row.recent[0].token = -2; },
      [](WantedRow& row) { row.recent[0].count = 0; },
      [](WantedRow& row) { row.want = static_cast<Want>(3); },
  };
  EXPECT_NO_THROW(read(bytes_of(two_sequences())));
  for (std::size_t i = 0; i < damages.size(); ++i) {
    Batch batch = two_sequences();
    damages[i](batch.wanted[0]);
    EXPECT_THROW(read(bytes_of(batch)), Error) << "damage " << i;
  }
}

TEST(Batch, ViewsAreOfTheBatchItself) {
  const Batch batch = two_sequences();
  const ops::Step step = batch.step();
  EXPECT_EQ(step.tokens.data(), batch.tokens.data());
  EXPECT_EQ(step.wanted.data(), batch.wanted_at.data());
  EXPECT_THAT(step.page_tables, testing::SizeIs(2));
  EXPECT_EQ(step.page_tables[0].data(), batch.page_tables[0].data());
  EXPECT_EQ(step.slots.data(), batch.slots.data());
}

}  // namespace
}  // namespace yoke::model
