#include "ops/cpu/cpu_attention.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>

#include "base/saturating.h"
#include "ops/cpu/attention_plan.h"

namespace yoke::ops::cpu {

using kernels::AttentionRow;

static_assert(page_positions == kernels::tile_positions, "a page is one tile of attention");

namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

/// Dimensions of what a tile keeps: keys that hold values are stored as values.
struct Kept {
  explicit Kept(const Heads& heads)
      : keys(heads.keys_hold_values ? 0 : heads.k_dim),
        values(heads.keys_hold_values ? heads.k_dim : heads.v_dim) {}
  std::int64_t keys;
  std::int64_t values;
};

std::uint64_t bytes_of_tile(kernels::KvType type, const Heads& heads) {
  const Kept kept(heads);
  return kernels::kv_tile_bytes(type, kept.keys, kept.values);
}

/// What is left of a row between two pieces of its block, and of a part.
struct RowState {
  float max;
  float sum;
};
constexpr std::int64_t state_floats = sizeof(RowState) / sizeof(float);

/// Rows of tiles that may be kept apart: those of a few tokens that see all that a step reaches, and no more
/// than fit into 64 MB.
std::int64_t most_parts(const Heads& heads, const PageMap& map) {
  constexpr std::uint64_t tokens = 8;
  constexpr std::uint64_t most_bytes = 64 << 20;
  const auto part_bytes = static_cast<std::uint64_t>(heads.v_dim + state_floats) * sizeof(float);
  return static_cast<std::int64_t>(
      std::min(saturating_product(tokens, heads.n_heads, map.reach), most_bytes / part_bytes));
}

/// One call of attend(): the rows of `q` and `out`, and where rows and parts are kept between pieces.
class Attention {
 public:
  Attention(const Step& step, const Heads& heads, const AttendSpec& spec, const float* sinks,
            const PagedKv& cache, const Tools& tools, const float* q, float* out)
      : step_(step),
        heads_(heads),
        spec_(spec),
        sinks_(sinks),
        cache_(cache),
        tools_(tools),
        q_(q),
        out_(out),
        plan_(step, heads, spec, tools.pool.size(), most_parts(heads, cache.map)),
        states_(allocate_states(tools.scratch, std::ssize(step.tokens) * heads.n_heads)),
        part_states_(allocate_states(tools.scratch, plan_.parts())),
        part_values_(tools.scratch.floats(plan_.parts() * heads.v_dim).data()) {}

  void run() {
    const auto run_pieces = [this](int thread) {
      for (const Piece& piece : plan_.pieces_of(thread)) run_piece(thread, piece);
    };
    if (plan_.parts() == 0) {
      tools_.pool.run(run_pieces);
    } else {
      tools_.pool.run_in_turn(run_pieces, [this](int thread) { merge_parts(thread); });
    }
  }

 private:
  using Rows = std::array<AttentionRow, AttentionPlan::most_rows>;

  static RowState* allocate_states(Arena& scratch, std::int64_t n) {
    return reinterpret_cast<RowState*>(scratch.floats(n * state_floats).data());
  }

  /// Row `row` of a block, as the index of a head of a token: rows go through tokens, then heads.
  std::int64_t index_of(const QueryBlock& block, std::int64_t row) const {
    return block.tokens[row / block.n_heads] * heads_.n_heads + block.first_head + row % block.n_heads;
  }

  /// A row that has seen nothing.
  void start(AttentionRow& row, float* acc) const {
    row.acc = acc;
    row.max = minus_infinity;
    row.sum = 0;
    std::fill_n(acc, heads_.v_dim, 0.0f);
  }

  void run_piece(int thread, const Piece& piece) const {
    const QueryBlock& block = plan_.blocks()[piece.block];
    Rows rows;
    for (std::int64_t r = 0; r < block.rows(); ++r) rows[r].q = q_ + index_of(block, r) * heads_.k_dim;
    if (plan_.has_parts(piece)) {
      run_apart(thread, piece, block, rows);
    } else {
      run_from_start(thread, piece, block, rows);
    }
  }

  /// A sink is what a row has seen before its first tile: a weight of 1 without a value.
  void run_from_start(int thread, const Piece& piece, const QueryBlock& block, Rows& rows) const {
    for (std::int64_t r = 0; r < block.rows(); ++r) {
      const std::int64_t index = index_of(block, r);
      start(rows[r], out_ + index * heads_.v_dim);
      if (sinks_ == nullptr) continue;
      rows[r].max = sinks_[index % heads_.n_heads];
      rows[r].sum = 1;
    }
    for (std::int64_t tile = piece.tiles.begin; tile < piece.tiles.end; ++tile)
      run_tile(thread, block, tile, rows);
    for (std::int64_t r = 0; r < block.rows(); ++r) {
      if (plan_.is_whole(piece)) {
        tools_.kernels.finish_attention(rows[r], static_cast<int>(heads_.v_dim));
      } else {
        states_[index_of(block, r)] = {rows[r].max, rows[r].sum};
      }
    }
  }

  void run_apart(int thread, const Piece& piece, const QueryBlock& block, Rows& rows) const {
    std::int64_t part = piece.first_part;
    for (std::int64_t tile = piece.tiles.begin; tile < piece.tiles.end; ++tile, part += block.rows()) {
      for (std::int64_t r = 0; r < block.rows(); ++r)
        start(rows[r], part_values_ + (part + r) * heads_.v_dim);
      run_tile(thread, block, tile, rows);
      for (std::int64_t r = 0; r < block.rows(); ++r) part_states_[part + r] = {rows[r].max, rows[r].sum};
    }
  }

  void run_tile(int thread, const QueryBlock& block, std::int64_t tile, Rows& rows) const {
    const std::int64_t first = tile * page_positions;
    for (std::int64_t r = 0; r < block.rows(); ++r) {
      const Span seen =
          seen_positions(step_.positions[block.tokens[r / block.n_heads]], spec_.window, spec_.chunked);
      rows[r].begin = static_cast<int>(std::clamp<std::int64_t>(seen.begin - first, 0, page_positions));
      rows[r].end =
          static_cast<int>(std::clamp<std::int64_t>(seen.end - first, rows[r].begin, page_positions));
    }
    const std::int64_t page = cache_.map.place(step_, step_.sequences[block.tokens.front()], tile);
    assert(page >= 0 && page < cache_.map.pages);
    const auto attend = heads_.keys_hold_values ? cache_.kernels.attend_shared : cache_.kernels.attend;
    attend(rows.data(), static_cast<int>(block.rows()), cache_.tile(block.kv_head, page),
           static_cast<int>(heads_.k_dim), static_cast<int>(heads_.v_dim), {spec_.scale, spec_.score_cap});
    tools_.pool.end_piece(thread);
  }

  /// This thread's rows of the blocks that were cut.
  void merge_parts(int thread) const {
    const std::span<const Piece> pieces = plan_.pieces();
    for (std::size_t first = 0, end = 0; first < pieces.size(); first = end) {
      while (end < pieces.size() && pieces[end].block == pieces[first].block) ++end;
      if (end == first + 1) continue;
      const QueryBlock& block = plan_.blocks()[pieces[first].block];
      tools_.pool.split_of(thread, block.rows(), 1, [&](std::int64_t begin_row, std::int64_t end_row) {
        for (std::int64_t r = begin_row; r < end_row; ++r)
          merge_row(block, r, pieces.subspan(first + 1, end - first - 1));
      });
    }
  }

  void merge_row(const QueryBlock& block, std::int64_t r, std::span<const Piece> pieces) const {
    const auto v_dim = static_cast<int>(heads_.v_dim);
    const std::int64_t index = index_of(block, r);
    AttentionRow row{nullptr, out_ + index * heads_.v_dim, states_[index].max, states_[index].sum, 0, 0};
    for (const Piece& piece : pieces) {
      for (std::int64_t tile = 0; tile < piece.tiles.size(); ++tile) {
        const std::int64_t part = piece.first_part + tile * block.rows() + r;
        const RowState& state = part_states_[part];
        tools_.kernels.merge_attention(
            {nullptr, part_values_ + part * heads_.v_dim, state.max, state.sum, 0, 0}, v_dim, row);
      }
    }
    tools_.kernels.finish_attention(row, v_dim);
  }

  const Step& step_;
  const Heads& heads_;
  const AttendSpec& spec_;
  const float* sinks_;
  const PagedKv& cache_;
  const Tools& tools_;
  const float* q_;
  float* out_;
  AttentionPlan plan_;
  RowState* states_;       // (tokens, n_heads), of blocks that are cut
  RowState* part_states_;  // (parts)
  float* part_values_;     // (parts, v_dim)
};

}  // namespace

PagedKv::PagedKv(const kernels::KvKernels& kv_kernels, const Heads& heads, const PageMap& page_map)
    : kernels(kv_kernels),
      map(page_map),
      tile_bytes(bytes_of_tile(kv_kernels.type, heads)),
      memory(std::max<std::uint64_t>(1, paged_kv_bytes(kv_kernels.type, heads, map.pages))) {}

std::uint64_t paged_kv_bytes(kernels::KvType type, const Heads& heads, std::int64_t pages) {
  return saturating_product(heads.n_kv_heads, pages, bytes_of_tile(type, heads));
}

std::uint64_t attend_scratch_bytes(const Heads& heads, const PageMap& map, std::int64_t tokens) {
  const std::uint64_t states = saturating_product(tokens, heads.n_heads, sizeof(RowState));
  const std::uint64_t parts =
      saturating_product(most_parts(heads, map), heads.v_dim + state_floats, sizeof(float));
  return saturating_sum(states, parts);
}

void store(const Step& step, const Heads& heads, const PagedKv& cache, ThreadPool& pool, const float* k,
           const float* v) {
  constexpr std::int64_t grain = 64;  // keys that one thread writes at least
  const Kept kept(heads);
  const float* const values = heads.keys_hold_values ? k : v;
  const std::int64_t tokens = std::ssize(step.tokens);
  pool.split(tokens * heads.n_kv_heads, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t token = i % tokens;
      const std::int64_t head = i / tokens;
      const std::int32_t position = step.positions[token];
      const std::int64_t page = cache.map.place(step, step.sequences[token], position / page_positions);
      assert(page >= 0 && page < cache.map.pages);
      const std::int64_t index = token * heads.n_kv_heads + head;
      cache.kernels.store(k + index * heads.k_dim, values + index * kept.values, static_cast<int>(kept.keys),
                          static_cast<int>(kept.values), position % page_positions, cache.tile(head, page));
    }
  });
}

void attend(const Step& step, const Heads& heads, const AttendSpec& spec, const float* sinks,
            const PagedKv& cache, const Tools& tools, const float* q, float* out) {
  Attention(step, heads, spec, sinks, cache, tools, q, out).run();
}

}  // namespace yoke::ops::cpu
