#include "ops/cpu/expanded_latents.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <vector>

#include "base/saturating.h"
#include "kernels/kv_layout.h"
#include "ops/cpu/attention_plan.h"

namespace yoke::ops::cpu {
namespace {

using kernels::AttentionRow;
using kernels::tile_positions;

/// Tiles whose keys and values are there at the same time: enough work for many threads, little memory.
constexpr std::int64_t tiles_at_once = 8;
constexpr std::int64_t positions_at_once = tiles_at_once * tile_positions;
/// Tokens that go through a head's tiles together.
constexpr std::int64_t block_tokens = 48;
/// Sixteen positions are a panel, as rows of a matrix are.
constexpr std::int64_t panels_of_tile = tile_positions / kernels::panel_rows;

/// Of the keys and values of one head.
std::int64_t floats_of_tile(std::int64_t k_dim, std::int64_t v_dim) {
  return tile_positions * (k_dim + kernels::whole_vectors(v_dim));
}

/// What is left of a row between two runs of tiles.
struct RowState {
  float max;
  float sum;
};
constexpr std::int64_t state_floats = sizeof(RowState) / sizeof(float);

/// NaN becomes the largest value, as in store(): a weight of 0 is to make 0 of it.
void bound(float* values, std::int64_t n) {
  constexpr float largest = std::numeric_limits<float>::max();
  for (std::int64_t i = 0; i < n; ++i) values[i] = std::max(-largest, std::min(largest, values[i]));
}

/// A row that has seen nothing.
AttentionRow unseen(const float* q, float* acc, std::int64_t v_dim) {
  std::fill_n(acc, v_dim, 0.0f);
  return {q, acc, -std::numeric_limits<float>::infinity(), 0, 0, 0};
}

/// One call of attend_expanded().
class Expansion {
 public:
  Expansion(const Step& step, std::span<const std::int32_t> tokens, const LatentHeads& latents,
            const PagedKv& cache, const Tools& tools, const float* q, float* out)
      : step_(step),
        tokens_(tokens),
        latents_(latents),
        cache_(cache),
        tools_(tools),
        q_(q),
        out_(out),
        multiply_keys_(tools.kernels.panel_multiply(quant::Type::f32)),
        attend_(tools.kernels.kv(kernels::KvType::f32).attend),
        key_matrices_(floats(latents.n_heads() * latents.made() * latents.rank())),
        rows_(floats(positions_at_once * latents.kept.k_dim)),
        columns_(floats(positions_at_once * latents.kept.k_dim)),
        tiles_(floats(latents.n_heads() * tiles_at_once * tile_floats())),
        states_(reinterpret_cast<RowState*>(floats(latents.n_heads() * std::ssize(tokens) * state_floats))) {}

  void run() {
    make_key_matrices();
    const Span all{0, tiles_of(tokens_)};
    for (std::int64_t first = 0; first < all.end; first += tiles_at_once) {
      const ArenaScope scope(tools_.scratch);
      const Span tiles{first, std::min(first + tiles_at_once, all.end)};
      read_latents(tiles);
      expand(tiles.size());
      attend(tiles);
    }
  }

 private:
  float* floats(std::int64_t n) const { return tools_.scratch.floats(n).data(); }

  /// What makes keys of latents: (made, rank) floats for each head. Products with the unit vectors are the
  /// columns of what the file has.
  void make_key_matrices() const {
    const ArenaScope scope(tools_.scratch);
    const std::int64_t n = latents_.made();
    float* const ones = floats(n * n);
    std::fill_n(ones, n * n, 0.0f);
    for (std::int64_t i = 0; i < n; ++i) ones[i * n + i] = 1;
    Operand units{.floats = ones, .tokens = n, .width = n};
    latents_.k_b.front()->prepare(units, tools_);
    std::vector<PreparedProduct> products;
    for (std::int64_t head = 0; head < latents_.n_heads(); ++head)
      products.push_back({latents_.k_b[head].get(), units, key_matrix(head), latents_.rank()});
    multiply(products, units, tools_);
  }

  /// Reads the latents of some tiles: row by row for values, column by column, a lane being a position, for
  /// keys, whose rotated part is then as a tile has it.
  void read_latents(const Span& tiles) {
    const std::int64_t dim = latents_.kept.k_dim;
    tools_.pool.split(tiles.size(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) read_tile(tiles.begin + i, i);
    });
    read_ = {
        .floats = rows_, .tokens = tiles.size() * tile_positions, .width = latents_.rank(), .stride = dim};
    latents_.v_b.front()->prepare(read_, tools_);
    Operand* const operand = &read_;
    MakeOperands({&operand, 1}, tools_).run();
  }

  void read_tile(std::int64_t tile, std::int64_t i) const {
    const auto dim = static_cast<int>(latents_.kept.k_dim);
    const std::int64_t page = cache_.map.place(step_, step_.sequences[tokens_.front()], tile);
    assert(page >= 0 && page < cache_.map.pages);
    float* const rows = rows_ + i * tile_positions * dim;
    load_rows(cache_.tile(0, page), dim, rows);
    for (int slot = 0; slot < tile_positions; ++slot) {
      const float* const row = rows + slot * dim;
      float* const panel = columns(i) + slot / kernels::panel_rows * latents_.rank() * kernels::panel_rows;
      for (std::int64_t k = 0; k < latents_.rank(); ++k)
        panel[k * kernels::panel_rows + slot % kernels::panel_rows] = row[k];
      for (std::int64_t k = 0; k < latents_.rotated(); ++k)
        rotated_keys(i)[k * tile_positions + slot] = row[latents_.rank() + k];
    }
  }

  /// The values of a tile without keys. Attention that sees a single position gives its value.
  void load_rows(const std::byte* tile, int dim, float* values) const {
    std::array<AttentionRow, tile_positions> rows;
    for (int slot = 0; slot < tile_positions; ++slot) {
      rows[slot] = unseen(nullptr, values + slot * dim, dim);
      rows[slot].begin = slot;
      rows[slot].end = slot + 1;
    }
    cache_.kernels.attend(rows.data(), tile_positions, tile, 0, dim, {.scale = 1});
  }

  void expand(std::int64_t n_tiles) const {
    tools_.pool.share(latents_.n_heads() * n_tiles, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        expand_keys(i / n_tiles, i % n_tiles);
        expand_values(i / n_tiles, i % n_tiles);
      }
    });
  }

  /// Positions are the rows of this product, and dimensions its tokens: it comes out as a tile has it.
  void expand_keys(std::int64_t head, std::int64_t i) const {
    float* const keys = tile(head, i);
    multiply_keys_(
        {.panels = reinterpret_cast<const std::byte*>(columns(i)),
         .panel_bytes = static_cast<std::size_t>(latents_.rank()) * kernels::panel_rows * sizeof(float),
         .rows = tile_positions,
         .phase = 0,
         .units = latents_.rank(),
         .first_panel = 0,
         .end_panel = panels_of_tile,
         .x = {.floats = key_matrix(head), .float_stride = latents_.rank()},
         .first_token = 0,
         .end_token = latents_.made(),
         .y = keys,
         .y_stride = tile_positions});
    std::copy_n(rotated_keys(i), latents_.rotated() * tile_positions,
                keys + latents_.made() * tile_positions);
  }

  void expand_values(std::int64_t head, std::int64_t i) const {
    const std::int64_t v_dim = latents_.v_dim();
    float* const values = tile(head, i) + latents_.k_dim() * tile_positions;
    const Operand rows = read_.tokens_from(i * tile_positions, tile_positions);
    for (std::int64_t first = 0; first < v_dim; first += kernels::panel_lanes) {
      const std::int64_t lanes = kernels::lanes_of_panel(static_cast<int>(v_dim), static_cast<int>(first));
      latents_.v_b[head]->multiply(rows, first, std::min<std::int64_t>(first + kernels::panel_lanes, v_dim),
                                   values + first * tile_positions, lanes);
    }
    bound(values, kernels::whole_vectors(v_dim) * tile_positions);
  }

  void attend(const Span& tiles) const {
    const std::int64_t n = (std::ssize(tokens_) + block_tokens - 1) / block_tokens;
    tools_.pool.share(latents_.n_heads() * n, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) attend_block(i / n, i % n * block_tokens, tiles);
    });
  }

  /// Tokens from the `first`-th on that go through the tiles together.
  void attend_block(std::int64_t head, std::int64_t first, const Span& tiles) const {
    const std::int64_t n = std::min(block_tokens, std::ssize(tokens_) - first);
    const std::span<const std::int32_t> tokens = tokens_.subspan(static_cast<std::size_t>(first), n);
    const std::int64_t end = tiles_of(tokens);
    if (end <= tiles.begin) return;
    RowState* const states = states_ + head * std::ssize(tokens_) + first;
    std::array<AttentionRow, block_tokens> rows;
    for (std::int64_t r = 0; r < n; ++r) rows[r] = row_of(head, tokens[r], tiles.begin == 0, states[r]);
    for (std::int64_t t = tiles.begin; t < std::min(end, tiles.end); ++t) {
      for (std::int64_t r = 0; r < n; ++r) {
        const std::int64_t seen = step_.positions[tokens[r]] + 1 - t * tile_positions;
        rows[r].end = static_cast<int>(std::clamp<std::int64_t>(seen, 0, tile_positions));
      }
      attend_(
          rows.data(), static_cast<int>(n), reinterpret_cast<const std::byte*>(tile(head, t - tiles.begin)),
          static_cast<int>(latents_.k_dim()), static_cast<int>(latents_.v_dim()), {.scale = latents_.scale});
    }
    for (std::int64_t r = 0; r < n; ++r) {
      states[r] = {rows[r].max, rows[r].sum};
      if (end <= tiles.end) tools_.kernels.finish_attention(rows[r], static_cast<int>(latents_.v_dim()));
    }
  }

  /// What is left of a row, or one that has seen nothing.
  AttentionRow row_of(std::int64_t head, std::int32_t token, bool from_start, const RowState& state) const {
    const std::int64_t index = token * latents_.n_heads() + head;
    const float* const q = q_ + index * latents_.k_dim();
    float* const acc = out_ + index * latents_.v_dim();
    return from_start ? unseen(q, acc, latents_.v_dim()) : AttentionRow{q, acc, state.max, state.sum, 0, 0};
  }

  /// That any of the tokens sees.
  std::int64_t tiles_of(std::span<const std::int32_t> tokens) const {
    std::int32_t last = 0;
    for (const std::int32_t token : tokens) last = std::max(last, step_.positions[token]);
    return last / tile_positions + 1;
  }

  std::int64_t tile_floats() const { return floats_of_tile(latents_.k_dim(), latents_.v_dim()); }
  float* key_matrix(std::int64_t head) const {
    return key_matrices_ + head * latents_.made() * latents_.rank();
  }
  float* columns(std::int64_t i) const { return columns_ + i * tile_positions * latents_.kept.k_dim; }
  float* rotated_keys(std::int64_t i) const { return columns(i) + tile_positions * latents_.rank(); }
  float* tile(std::int64_t head, std::int64_t i) const {
    return tiles_ + (head * tiles_at_once + i) * tile_floats();
  }

  const Step& step_;
  std::span<const std::int32_t> tokens_;
  const LatentHeads& latents_;
  const PagedKv& cache_;
  const Tools& tools_;
  const float* q_;
  float* out_;
  kernels::Kernels::PanelMultiply multiply_keys_;
  decltype(kernels::KvKernels::attend) attend_;
  float* key_matrices_;  // (n_heads, made, rank)
  // Of the tiles that are there:
  float* rows_;       // (positions, rank + rotated)
  float* columns_;    // each a panel of latents for sixteen positions, then (rotated, positions)
  float* tiles_;      // (n_heads, tiles) of F32, as KvKernels take them
  RowState* states_;  // (n_heads, tokens)
  Operand read_;      // of rows_
};

}  // namespace

void attend_expanded(const Step& step, std::span<const std::int32_t> tokens, const LatentHeads& latents,
                     const PagedKv& cache, const Tools& tools, const float* q, float* out) {
  const ArenaScope scope(tools.scratch);
  Expansion(step, tokens, latents, cache, tools, q, out).run();
}

std::uint64_t expanded_scratch_bytes(const Heads& kept, std::int64_t k_dim, std::int64_t v_dim,
                                     std::int64_t tokens) {
  const std::int64_t made = k_dim - (kept.k_dim - kept.v_dim);
  constexpr std::int64_t padding = 64;  // where bytes of a row end in zeros
  const std::uint64_t of_heads = saturating_product(
      kept.n_heads, saturating_sum(saturating_product(made, kept.v_dim),
                                   saturating_product(tiles_at_once, floats_of_tile(k_dim, v_dim)),
                                   saturating_product(tokens, state_floats)));
  // As floats twice, and once as bytes with their scales, which take half as much.
  const std::uint64_t of_latents = saturating_product(positions_at_once, 3 * kept.k_dim + padding);
  const std::uint64_t of_units = saturating_product(made, 2 * made + padding);
  return saturating_product(saturating_sum(of_heads, of_latents, of_units), sizeof(float));
}

}  // namespace yoke::ops::cpu
