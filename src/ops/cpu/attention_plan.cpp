#include "ops/cpu/attention_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace yoke::ops::cpu {
namespace {

/// To read a tile takes about as long as to compute so many rows of it, and both go on at once.
constexpr std::int64_t rows_per_read = 6;
/// A block is cut only where this many of it would not make a thread's share.
constexpr std::int64_t fine_blocks = 8;

std::int64_t tile_cost(const QueryBlock& block) { return std::max(block.rows(), rows_per_read); }
std::int64_t cost(const QueryBlock& block) { return block.tiles.size() * tile_cost(block); }

/// Rank-local query heads of each KV head.
Span heads_of(const Heads& heads, std::int64_t kv_head) {
  const std::int64_t first = (heads.first_kv_head + kv_head) * heads.group - heads.first_head;
  return {std::clamp<std::int64_t>(first, 0, heads.n_heads),
          std::clamp<std::int64_t>(first + heads.group, 0, heads.n_heads)};
}

Span tiles_seen(const Step& step, std::span<const std::int32_t> tokens, const AttendSpec& spec) {
  Span tiles{std::numeric_limits<std::int64_t>::max(), 0};
  for (const std::int32_t token : tokens) {
    const Span seen = seen_positions(step.positions[token], spec.window, spec.chunked);
    tiles.begin = std::min(tiles.begin, seen.begin / page_positions);
    tiles.end = std::max(tiles.end, (seen.end + page_positions - 1) / page_positions);
  }
  return tiles;
}

}  // namespace

Span seen_positions(std::int64_t position, std::int64_t window, bool chunked) {
  if (window == 0) return {0, position + 1};
  const std::int64_t first =
      chunked ? position / window * window : std::max<std::int64_t>(0, position + 1 - window);
  return {first, position + 1};
}

AttentionPlan::AttentionPlan(const Step& step, const Heads& heads, const AttendSpec& spec, int threads,
                             std::int64_t most_parts)
    : tokens_(step.tokens.size()) {
  std::iota(tokens_.begin(), tokens_.end(), 0);
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [&step](std::int32_t a, std::int32_t b) { return step.sequences[a] < step.sequences[b]; });
  make_blocks(step, heads, spec);
  make_pieces(cuts(threads, most_parts));
}

void AttentionPlan::make_blocks(const Step& step, const Heads& heads, const AttendSpec& spec) {
  const auto add_tokens = [&](std::int64_t kv_head, std::int64_t first_head, std::int64_t n_heads) {
    const std::size_t most_tokens = static_cast<std::size_t>(most_rows / n_heads);
    for (std::size_t begin = 0; begin < tokens_.size();) {
      const std::int32_t sequence = step.sequences[tokens_[begin]];
      std::size_t end = begin;
      while (end < tokens_.size() && end - begin < most_tokens && step.sequences[tokens_[end]] == sequence)
        ++end;
      const std::span<const std::int32_t> tokens(tokens_.data() + begin, end - begin);
      blocks_.push_back({tokens, first_head, n_heads, kv_head, tiles_seen(step, tokens, spec)});
      begin = end;
    }
  };
  for (std::int64_t kv_head = 0; kv_head < heads.n_kv_heads; ++kv_head) {
    const Span mine = heads_of(heads, kv_head);
    for (std::int64_t head = mine.begin; head < mine.end; head += most_rows)
      add_tokens(kv_head, head, std::min(most_rows, mine.end - head));
  }
}

std::vector<AttentionPlan::Place> AttentionPlan::cuts(int threads, std::int64_t most_parts) const {
  std::int64_t total = 0;
  for (const QueryBlock& block : blocks_) total += cost(block);
  std::vector<Place> cuts;
  Place place;
  std::int64_t before = 0;  // cost of the blocks before place.block
  std::size_t cut_block = blocks_.size();
  for (int thread = 1; thread < threads; ++thread) {
    const std::int64_t target = total / threads * thread + total % threads * thread / threads;
    while (place.block < blocks_.size() && before + cost(blocks_[place.block]) <= target) {
      before += cost(blocks_[place.block]);
      place = {place.block + 1, 0};
    }
    if (place.block == blocks_.size()) {
      cuts.push_back(place);
      continue;
    }
    const QueryBlock& block = blocks_[place.block];
    const std::int64_t parts = block.tiles.size() * block.rows();
    const bool fine = cost(block) * fine_blocks * threads <= total;
    const bool affordable = place.block == cut_block || parts <= most_parts;
    const std::int64_t tile = (target - before + tile_cost(block) / 2) / tile_cost(block);
    if (fine || !affordable) {
      if (2 * tile >= block.tiles.size()) {
        before += cost(block);
        place = {place.block + 1, 0};
      }
    } else {
      if (place.block != cut_block) most_parts -= parts;
      cut_block = place.block;
      place.tile = std::min(tile, block.tiles.size());
    }
    cuts.push_back(place);
  }
  cuts.push_back({blocks_.size(), 0});
  return cuts;
}

void AttentionPlan::make_pieces(const std::vector<Place>& cuts) {
  Place place;
  first_piece_.push_back(0);
  for (const Place& end : cuts) {
    while (place.block < end.block || place.tile < end.tile) {
      const Span& tiles = blocks_[place.block].tiles;
      const std::int64_t last = place.block < end.block ? tiles.size() : end.tile;
      if (place.tile < last) {
        Piece& piece =
            pieces_.emplace_back(Piece{place.block, {tiles.begin + place.tile, tiles.begin + last}, parts_});
        if (has_parts(piece)) parts_ += piece.tiles.size() * blocks_[place.block].rows();
      }
      place = place.block < end.block ? Place{place.block + 1, 0} : end;
    }
    first_piece_.push_back(pieces_.size());
  }
}

std::span<const Piece> AttentionPlan::pieces_of(int thread) const {
  const auto i = static_cast<std::size_t>(thread);
  return std::span(pieces_).subspan(first_piece_[i], first_piece_[i + 1] - first_piece_[i]);
}

bool AttentionPlan::has_parts(const Piece& piece) const {
  return piece.tiles.begin > blocks_[piece.block].tiles.begin;
}

bool AttentionPlan::is_whole(const Piece& piece) const {
  return piece.tiles.size() == blocks_[piece.block].tiles.size();
}

}  // namespace yoke::ops::cpu
