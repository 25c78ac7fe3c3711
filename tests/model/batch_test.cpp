#include "model/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yoke::model {
namespace {

Batch two_sequences() {
  Batch batch;
  batch.page_tables = {{3, 1}, {0}};
  batch.add(17, 64, 0, false);
  batch.add(4, 0, 1, true);
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
  EXPECT_EQ(copy.wants_logits, batch.wants_logits);
  EXPECT_EQ(copy.page_tables, batch.page_tables);
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

TEST(Batch, RefusesTokensFlagsAndPagesThatCannotBe) {
  Batch batch = two_sequences();
  batch.tokens[0] = -1;
  EXPECT_THROW(read(bytes_of(batch)), Error);
  batch = two_sequences();
  batch.wants_logits[0] = 2;
  EXPECT_THROW(read(bytes_of(batch)), Error);
  batch = two_sequences();
  batch.page_tables[0][1] = -1;
  EXPECT_THROW(read(bytes_of(batch)), Error);
}

TEST(Batch, ViewsAreOfTheBatchItself) {
  const Batch batch = two_sequences();
  const ops::Step step = batch.step();
  EXPECT_EQ(step.tokens.data(), batch.tokens.data());
  EXPECT_THAT(step.page_tables, testing::SizeIs(2));
  EXPECT_EQ(step.page_tables[0].data(), batch.page_tables[0].data());
}

}  // namespace
}  // namespace yoke::model
