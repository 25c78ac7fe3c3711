#include "ops/cpu/attention_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

namespace yoke::ops::cpu {
namespace {

/// Tokens of sequences, each at its position.
struct Tokens {
  std::vector<std::int32_t> ids, positions, sequences;
  void add(std::int32_t sequence, std::int32_t position) {
    ids.push_back(0);
    positions.push_back(position);
    sequences.push_back(sequence);
  }
  Step step() const { return {ids, positions, sequences, {}, {}}; }
};

constexpr Heads eight_of_two{8, 2, 0, 0, 4, 64, 64};
constexpr std::int64_t unlimited = std::int64_t{1} << 40;

Tokens one_token_at(std::int32_t position) {
  Tokens tokens;
  tokens.add(0, position);
  return tokens;
}

std::int64_t tiles_of(std::span<const Piece> pieces) {
  std::int64_t tiles = 0;
  for (const Piece& piece : pieces) tiles += piece.tiles.size();
  return tiles;
}

TEST(SeenPositions, EndWithTheTokenAndBeginWithTheWindow) {
  EXPECT_EQ(seen_positions(100, 0, false).begin, 0);
  EXPECT_EQ(seen_positions(100, 0, false).end, 101);
  EXPECT_EQ(seen_positions(100, 1, false).begin, 100);
  EXPECT_EQ(seen_positions(100, 40, false).begin, 61);
  EXPECT_EQ(seen_positions(30, 40, false).begin, 0);
}

TEST(SeenPositions, BeginWithTheTokensChunk) {
  EXPECT_EQ(seen_positions(39, 40, true).begin, 0);
  EXPECT_EQ(seen_positions(40, 40, true).begin, 40);
  EXPECT_EQ(seen_positions(40, 40, true).end, 41);
  EXPECT_EQ(seen_positions(100, 40, true).begin, 80);
  EXPECT_EQ(seen_positions(100, 1, true).begin, 100);
  EXPECT_EQ(seen_positions(100, 0, true).begin, 0);
}

TEST(AttentionPlan, GivesEveryTileOfEveryTokenAndHeadToExactlyOneThread) {
  std::mt19937 random(20261122);
  for (int round = 0; round < 200; ++round) {
    Tokens tokens;
    const auto below = [&random](int n) {
      return static_cast<std::int32_t>(random() % static_cast<unsigned>(n));
    };
    for (int i = below(130); i >= 0; --i) tokens.add(below(3), below(3000));
    const Heads heads = round % 2 == 0 ? eight_of_two : Heads{5, 2, 3, 0, 4, 16, 16};
    AttendSpec spec;
    spec.window = round % 3 == 0 ? 200 : 0;
    spec.chunked = round % 2 == 0;
    const int threads = 1 + below(9);
    const std::int64_t most_parts = round % 5 == 0 ? 100 : unlimited;
    const Step step = tokens.step();
    const AttentionPlan plan(step, heads, spec, threads, most_parts);
    std::map<std::pair<std::int32_t, std::int64_t>, std::set<std::int64_t>> seen;  // token and head: tiles
    std::set<std::int64_t> parts;
    std::size_t pieces = 0;
    for (int thread = 0; thread < threads; ++thread) {
      for (const Piece& piece : plan.pieces_of(thread)) {
        ++pieces;
        const QueryBlock& block = plan.blocks()[piece.block];
        ASSERT_LE(block.rows(), AttentionPlan::most_rows);
        for (std::int64_t tile = piece.tiles.begin; tile < piece.tiles.end; ++tile) {
          for (const std::int32_t token : block.tokens) {
            ASSERT_EQ(tokens.sequences[static_cast<std::size_t>(token)],
                      tokens.sequences[static_cast<std::size_t>(block.tokens.front())]);
            for (std::int64_t h = 0; h < block.n_heads; ++h) {
              ASSERT_EQ((heads.first_head + block.first_head + h) / heads.group - heads.first_kv_head,
                        block.kv_head);
              ASSERT_TRUE((seen[{token, block.first_head + h}].insert(tile).second));
            }
          }
          if (!plan.has_parts(piece)) continue;
          for (std::int64_t r = 0; r < block.rows(); ++r)
            ASSERT_TRUE(
                parts.insert(piece.first_part + (tile - piece.tiles.begin) * block.rows() + r).second);
        }
      }
    }
    EXPECT_EQ(pieces, plan.pieces().size());
    ASSERT_EQ(std::ssize(parts), plan.parts());
    ASSERT_LE(plan.parts(), most_parts);
    ASSERT_TRUE(parts.empty() || *parts.rbegin() + 1 == plan.parts());
    for (std::int32_t token = 0; token < std::ssize(tokens.ids); ++token) {
      const Span positions =
          seen_positions(tokens.positions[static_cast<std::size_t>(token)], spec.window, spec.chunked);
      for (std::int64_t head = 0; head < heads.n_heads; ++head) {
        for (std::int64_t tile = positions.begin / 64; tile <= (positions.end - 1) / 64; ++tile)
          ASSERT_TRUE((seen[{token, head}].contains(tile)));
      }
    }
  }
}

TEST(AttentionPlan, SharesOneTokensTilesEvenly) {
  const Tokens tokens = one_token_at(8191);
  const Step step = tokens.step();
  for (const int threads : {2, 3, 8}) {
    const AttentionPlan plan(step, eight_of_two, {}, threads, unlimited);
    for (int thread = 0; thread < threads; ++thread)
      EXPECT_NEAR(static_cast<double>(tiles_of(plan.pieces_of(thread))), 256.0 / threads, 1);
  }
}

TEST(AttentionPlan, SharesATriangleEvenly) {
  Tokens tokens;
  for (int i = 0; i < 2048; ++i) tokens.add(0, i);
  const Step step = tokens.step();
  const AttentionPlan plan(step, eight_of_two, {}, 4, unlimited);
  std::int64_t all = 0;
  std::vector<std::int64_t> work;
  for (int thread = 0; thread < 4; ++thread) {
    std::int64_t rows = 0;
    for (const Piece& piece : plan.pieces_of(thread))
      rows += piece.tiles.size() * plan.blocks()[piece.block].rows();
    all += rows;
    work.push_back(rows);
  }
  for (const std::int64_t rows : work)
    EXPECT_NEAR(static_cast<double>(rows) / static_cast<double>(all), 0.25, 0.01);
  EXPECT_EQ(plan.parts(), 0) << "blocks so small need no cutting";
}

TEST(AttentionPlan, SkipsTilesThatTheWindowMasks) {
  const Tokens tokens = one_token_at(8191);
  const Step step = tokens.step();
  AttendSpec spec;
  spec.window = 128;
  const AttentionPlan plan(step, eight_of_two, spec, 1, unlimited);
  EXPECT_EQ(tiles_of(plan.pieces()), 2 * 2);
}

TEST(AttentionPlan, KeepsBlocksWholeWhereThereIsNoRoomForParts) {
  const Tokens tokens = one_token_at(8191);
  const Step step = tokens.step();
  const AttentionPlan plan(step, eight_of_two, {}, 5, 0);
  EXPECT_EQ(plan.parts(), 0);
  EXPECT_EQ(tiles_of(plan.pieces()), 256);
  for (const Piece& piece : plan.pieces()) EXPECT_TRUE(plan.is_whole(piece));
}

TEST(AttentionPlan, HasNothingToDoWithoutHeads) {
  const Tokens tokens = one_token_at(5);
  const Step step = tokens.step();
  const AttentionPlan plan(step, {0, 0, 0, 0, 4, 64, 64}, {}, 3, unlimited);
  EXPECT_TRUE(plan.pieces().empty());
  for (int thread = 0; thread < 3; ++thread) EXPECT_TRUE(plan.pieces_of(thread).empty());
}

}  // namespace
}  // namespace yoke::ops::cpu
