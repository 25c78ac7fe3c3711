// How threads share the work of one attention: which queries go through the tiles of the KV cache together,
// and which thread goes through which of these tiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ops/ops.h"

namespace yoke::ops::cpu {

/// Positions or tiles [begin, end).
struct Span {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end - begin; }
};

/// What a token sees of its sequence: AttendSpec has the windows.
Span seen_positions(std::int64_t position, std::int64_t window, bool chunked);

/// Queries that read each tile once, together: tokens of one sequence, and heads of one KV head.
struct QueryBlock {
  std::span<const std::int32_t> tokens;  // of the step
  std::int64_t first_head = 0;           // of this rank
  std::int64_t n_heads = 0;
  std::int64_t kv_head = 0;  // of this rank
  Span tiles;                // of the sequence: those that any of the tokens sees

  std::int64_t rows() const { return std::ssize(tokens) * n_heads; }
};

/// Tiles of a block that one thread goes through. A piece that does not begin with the block's first tile
/// keeps each of its tiles apart, as a part, until they can be merged in order.
struct Piece {
  std::size_t block = 0;
  Span tiles;
  std::int64_t first_part = 0;  // parts are (tiles, rows of the block); of pieces that have parts
};

class AttentionPlan {
 public:
  /// The most rows (tokens × heads) of a block.
  static constexpr std::int64_t most_rows = 48;

  /// At most `most_parts` rows of tiles are kept apart; blocks stay whole where more would be needed. The
  /// step outlives the plan.
  AttentionPlan(const Step& step, const Heads& heads, const AttendSpec& spec, int threads,
                std::int64_t most_parts);
  // Blocks point into it.
  AttentionPlan(const AttentionPlan&) = delete;
  AttentionPlan& operator=(const AttentionPlan&) = delete;

  std::span<const QueryBlock> blocks() const { return blocks_; }
  /// All pieces, in the order of blocks and tiles.
  std::span<const Piece> pieces() const { return pieces_; }
  std::span<const Piece> pieces_of(int thread) const;
  bool has_parts(const Piece& piece) const;
  /// Whether all of its block's tiles are in this piece.
  bool is_whole(const Piece& piece) const;
  /// Rows of tiles that are kept apart.
  std::int64_t parts() const { return parts_; }

 private:
  /// A place in the line of all blocks' tiles.
  struct Place {
    std::size_t block = 0;
    std::int64_t tile = 0;  // counted from the block's first
  };

  void make_blocks(const Step& step, const Heads& heads, const AttendSpec& spec);
  std::vector<Place> cuts(int threads, std::int64_t most_parts) const;
  void make_pieces(const std::vector<Place>& cuts);

  std::vector<std::int32_t> tokens_;  // of the step, sequence by sequence
  std::vector<QueryBlock> blocks_;
  std::vector<Piece> pieces_;
  std::vector<std::size_t> first_piece_;  // of each thread, and the end
  std::int64_t parts_ = 0;
};

}  // namespace yoke::ops::cpu
