#include "runtime/step_digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace yoke::runtime {
namespace {

using testing::StartsWith;

model::Batch one_token(std::int32_t token) {
  model::Batch batch;
  batch.add_sequence(0, {0});
  batch.add(token, 0, 0);
  return batch;
}

TEST(StepDigest, TellsPlansValuesAndTheirOrderApart) {
  std::array<float, 4> values{1, 2, 3, 4}, others{1, 2, 3, 4.0000005f};
  const auto digest = [](const std::vector<std::int32_t>& tokens, std::span<float> rows) {
    StepDigest made;
    for (const std::int32_t token : tokens) {
      made.add(one_token(token));
      made.add(MatrixView<const float>(rows.data(), 2, 2));
    }
    return made.value();
  };
  EXPECT_EQ(digest({1, 2}, values), digest({1, 2}, values));
  EXPECT_NE(digest({1, 2}, values), digest({1, 2}, others));
  EXPECT_NE(digest({1, 2}, values), digest({2, 1}, values));
  EXPECT_NE(digest({1, 2}, values), digest({1}, values));
}

TEST(StepDigest, NamesTheRankThatDiffers) {
  std::vector<Place> places;
  for (std::int32_t rank = 0; rank < 4; ++rank) {
    places.emplace_back();
    places.back().rank = rank;
    places.back().host = "node" + std::to_string(rank + 1);
    places.back().pid = 10 + rank;
  }
  const auto said = [&](const std::vector<std::uint64_t>& digests) {
    return disagreement(digests, std::span(places).first(digests.size())).value_or("");
  };
  EXPECT_EQ(said({7}), "");
  EXPECT_EQ(said({7, 7, 7}), "");
  EXPECT_THAT(said({7, 7, 8}), StartsWith("rank 2 (host node3, pid 12) has computed other values than the"));
  EXPECT_THAT(said({8, 7, 7, 7}), StartsWith("rank 0 (host node1, pid 10) has computed other values"));
  EXPECT_THAT(said({8, 7}), StartsWith("rank 0 (host node1, pid 10) and rank 1 (host node2, pid 11) have"));
  EXPECT_THAT(said({8, 7, 6}),
              StartsWith("rank 0 (host node1, pid 10) and rank 1 (host node2, pid 11) have"));
}

}  // namespace
}  // namespace yoke::runtime
