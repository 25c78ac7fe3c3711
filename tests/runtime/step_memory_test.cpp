#include "runtime/step_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"

namespace yoke::runtime {
namespace {

std::vector<std::byte> bytes_of(const auto& message) {
  ByteWriter writer;
  writer(message);
  return writer.take();
}

StepChange read(std::span<const std::byte> bytes) {
  StepChange change;
  ByteReader reader(bytes, "a step");
  reader(change);
  reader.end();
  return change;
}

model::WantedRow drawn(const std::vector<model::TokenCount>& recent) {
  model::WantedRow row;
  row.want = model::Want::candidates;
  row.bias = {{3, 0.5f}};
  row.recent = recent;
  row.frequency_penalty = 0.5f;
  row.vocabulary_limit = 100;
  row.candidates = 40;
  return row;
}

/// A leader, and a follower that hears through bytes.
struct Pair {
  StepMemory leader{4}, follower{4};

  /// The size of the message; what arrives is what was sent.
  std::size_t send(const model::Batch& batch) {
    const std::vector<std::byte> message = bytes_of(leader.tell(batch));
    const model::Batch heard = follower.hear(read(message));
    heard.check();
    EXPECT_EQ(bytes_of(heard), bytes_of(batch));
    return message.size();
  }
};

/// A step in which a sequence of so many tokens computes its last.
model::Batch decoding(std::int32_t tokens) {
  std::vector<std::int32_t> pages;
  for (std::int32_t page = 0; page <= tokens / 64; ++page) pages.push_back(3 * page);
  const std::int32_t first = std::max(0, tokens - 200) / 64;
  model::Batch batch;
  batch.add_sequence(2, pages, 0, {first, {pages.begin() + first, pages.end()}});
  batch.add(tokens % 90, tokens, 0);
  std::vector<model::TokenCount> recent;
  for (std::int32_t token = 0; token < std::min(tokens, 90); ++token)
    recent.push_back({token, tokens / 90 + 1});
  recent[static_cast<std::size_t>(tokens % 89)].count += 1;
  batch.want(drawn(recent));
  return batch;
}

TEST(StepMemory, ASequenceThatGoesOnTakesAMessageThatDoesNotGrow) {
  Pair pair;
  const std::size_t first = pair.send(decoding(1000));
  std::size_t longest = 0;
  for (std::int32_t tokens = 1001; tokens < 1300; ++tokens)
    longest = std::max(longest, pair.send(decoding(tokens)));
  EXPECT_LT(longest, 1000U);
  EXPECT_GT(first, longest);
  model::Batch plain = decoding(3000);
  plain.wanted[0] = drawn({});
  pair.send(plain);
  EXPECT_LT(pair.send(plain), 100U) << "of a sequence without penalties";
}

TEST(StepMemory, WhateverFollowsWhateverArrives) {
  std::mt19937 random(5);
  const auto below = [&](std::uint32_t n) { return static_cast<std::int32_t>(random() % n); };
  Pair pair;
  for (int step = 0; step < 3000; ++step) {
    model::Batch batch;
    for (std::int32_t slot = 0; slot < 4; ++slot) {
      if (below(2) == 0) continue;
      const std::int32_t first = below(3) * 64, n = 1 + below(3);
      std::vector<std::int32_t> pages(static_cast<std::size_t>(first / 64 + 1));
      for (std::int32_t& page : pages) page = below(3);
      const std::int32_t index = batch.add_sequence(slot, pages, below(2) * 192, {below(3), pages});
      if (below(4) == 0) batch.resume(index, 4 + slot);
      for (std::int32_t i = 0; i < n; ++i) batch.add(below(50), first + i, index);
      if (below(4) == 0) batch.keep(10 + slot);
      std::vector<model::TokenCount> recent;
      for (std::int32_t token = 0; token < 5; ++token)
        if (const std::int32_t count = below(3); count > 0) recent.push_back({token, count});
      model::WantedRow row = drawn(recent);
      if (below(4) == 0) row.temperature = static_cast<float>(below(3));
      if (below(4) == 0) row = {.target = below(9), .want = model::Want::log_probability};
      if (below(3) > 0) batch.want(row);
    }
    pair.send(batch);
  }
}

TEST(StepMemory, RefusesWhatCannotFollow) {
  const auto refuses = [](auto change) {
    Pair pair;
    pair.send(decoding(1000));
    StepChange told = pair.leader.tell(decoding(1001));
    change(told);
    EXPECT_THROW(pair.follower.hear(told), Error);
  };
  refuses([](StepChange& told) { told.sequences[0].slot = 4; });
  refuses([](StepChange& told) { told.sequences[0].slot = -1; });
  refuses([](StepChange& told) { told.sequences[0].tokens = 2; });
  refuses([](StepChange& told) { told.sequences[0].tokens = 0; });
  refuses([](StepChange& told) { told.sequences[0].tokens = -1; });
  refuses([](StepChange& told) { told.sequences[0].first_position = -1; });
  refuses([](StepChange& told) { told.sequences[0].first_position = INT32_MAX; });
  refuses([](StepChange& told) { told.sequences[0].pages.kept += 1; });
  refuses([](StepChange& told) { told.sequences[0].pages.kept = -1; });
  refuses([](StepChange& told) { told.sequences[0].pages.dropped = -1; });
  refuses([](StepChange& told) { told.sequences[0].pages.dropped = INT32_MAX; });
  refuses([](StepChange& told) { told.rows[0].at = 1; });
  refuses([](StepChange& told) { told.rows[0].at = -1; });
}

TEST(StepMemory, RefusesEveryTruncation) {
  StepMemory leader(4);
  const std::vector<std::byte> bytes = bytes_of(leader.tell(decoding(1000)));
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THROW(read(std::span(bytes).first(length)), Error) << length << " bytes";
}

}  // namespace
}  // namespace yoke::runtime
