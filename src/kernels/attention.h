// One tile of attention. Contract: KvKernels::attend and attend_shared.
// Written over F32x16, which vec_*.h defines before; see vec_scalar.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise.h"
#include "kernels/kernels.h"
#include "kernels/kv_tiles.h"
#include "kernels/matmul.h"

namespace yoke::kernels {
namespace {

/// Rows whose sums are held in registers together, and rows whose weights are kept at once.
constexpr int register_rows = 6, cached_rows = 48;

/// Vectors of each of `rows` rows whose sums fit into registers.
constexpr int register_vectors(int rows) {
  return attention_sums >= 4 * rows ? 4 : attention_sums >= 2 * rows ? 2 : 1;
}

/// body(Constant<n>()) for an n that is known only now.
template <int most, class Body>
inline void with_constant(int n, const Body& body) {
  if constexpr (most == 1) {
    body(Constant<1>());
  } else if (n == most) {
    body(Constant<most>());
  } else {
    with_constant<most - 1>(n, body);
  }
}

/// body(Constant<count>(), first) for runs of rows, as even as possible.
template <class Body>
inline void for_rows(int n, const Body& body) {
  for (int first = 0; first < n;) {
    const int runs = (n - first + register_rows - 1) / register_rows;
    const int count = (n - first + runs - 1) / runs;
    with_constant<register_rows>(count, [&](auto rows) { body(rows, first); });
    first += count;
  }
}

/// sum[row][v] = Σ factors[row][step]·panel(step)[vector first + v], over steps in order: one chain of fused
/// multiply-adds for each lane, whatever is computed beside it.
template <int rows, int vectors, class Panel>
inline void multiply_panel(const Panel& panel, int first, int begin, int end,
                           const float* const (&factors)[rows], F32x16 (&sum)[rows][vectors]) {
  unrolled<rows * vectors>([&](auto i) { sum[i / vectors][i % vectors] = F32x16::broadcast(0.0f); });
  for (int step = begin; step < end; ++step) {
    panel.prefetch(step);
    F32x16 values[vectors];
    unrolled<vectors>([&](auto v) { values[v] = panel.at(step, first + v); });
    unrolled<rows>([&](auto r) {
      const F32x16 factor = F32x16::broadcast(factors[r][step]);
      unrolled<vectors>([&](auto v) { sum[r][v] = fma(factor, values[v], sum[r][v]); });
    });
  }
}

/// body(Constant<count>(), first) for `vectors` vectors at a time, then for one.
template <int vectors, class Body>
inline void for_vector_runs(int first, int end, const Body& body) {
  for (; first + vectors <= end; first += vectors) body(Constant<vectors>(), first);
  if constexpr (vectors > 1) {
    for (; first < end; ++first) body(Constant<1>(), first);
  }
}

/// The positions that any of the rows sees.
struct Seen {
  int begin = tile_positions, end = 0;

  Seen(const AttentionRow* rows, int n) {
    for (int r = 0; r < n; ++r) {
      if (rows[r].begin == rows[r].end) continue;
      begin = rows[r].begin < begin ? rows[r].begin : begin;
      end = rows[r].end > end ? rows[r].end : end;
    }
  }
};

/// What a tile's weights, and what came before, are multiplied with when they are merged.
struct Scores {
  alignas(64) float of[cached_rows][tile_positions];  // then e^(score − the tile's largest)
  float keep[cached_rows], take[cached_rows];
};

/// q·k of all positions that any of the rows sees.
template <int rows, class Panel>
[[gnu::flatten]] inline void score(const AttentionRow* row, const Panel& keys, int k_dim,
                                   float (*scores)[tile_positions]) {
  const float* q[rows];
  unrolled<rows>([&](auto r) { q[r] = row[r].q; });
  const Seen seen(row, rows);
  for_vector_runs<register_vectors(rows)>(
      seen.begin / 16, (seen.end + 15) / 16, [&](auto vectors, int first) {
        F32x16 sum[rows][vectors];
        multiply_panel(keys, first, 0, k_dim, q, sum);
        unrolled<rows * vectors>([&](auto i) {
          sum[i / vectors][i % vectors].store(scores[i / vectors] + 16 * (first + i % vectors));
        });
      });
}

/// The same of keys that lie as values do, so that a lane is a dimension: each score is the sum over the
/// lanes of one chain.
template <class Tile, int rows>
[[gnu::flatten]] inline void score_values(const AttentionRow* row, const std::byte* tile, int k_dim,
                                          float (*scores)[tile_positions]) {
  const Seen seen(row, rows);
  for_vector_runs<register_vectors(rows)>(seen.begin, seen.end, [&](auto positions, int first) {
    F32x16 sum[rows][positions];
    unrolled<rows * positions>([&](auto i) { sum[i / positions][i % positions] = F32x16::broadcast(0.0f); });
    for (int dim = 0; dim < k_dim; dim += panel_lanes) {
      const auto panel = Tile::values(tile, 0, k_dim, dim);
      const int dims = k_dim - dim < panel_lanes ? k_dim - dim : panel_lanes;
      for_vectors(dims, [&](std::int64_t i, int count) {
        F32x16 keys[positions];
        unrolled<positions>([&](auto p) { keys[p] = panel.at(first + p, static_cast<int>(i) / 16); });
        unrolled<rows>([&](auto r) {
          const F32x16 q = load(row[r].q + dim + i, count);
          unrolled<positions>([&](auto p) { sum[r][p] = fma(q, keys[p], sum[r][p]); });
        });
      });
    }
    unrolled<rows * positions>([&](auto i) {
      scores[i / positions][first + i % positions] = sum[i / positions][i % positions].reduce_add();
    });
  });
}

inline float exp_of(float x) {
  float lanes[16];
  exp(F32x16::broadcast(x)).store(lanes);
  return lanes[0];
}

/// Turns a row's scores into weights and merges their maximum and sum into the row.
inline void weigh(AttentionRow& row, float scale, float* scores, float& keep, float& take) {
  if (row.begin == row.end) {
    for (int i = 0; i < tile_positions; ++i) scores[i] = 0.0f;
    keep = 1.0f;
    take = 0.0f;
    return;
  }
  for (int i = 0; i < row.begin; ++i) scores[i] = -__builtin_inff();
  for (int i = row.end; i < tile_positions; ++i) scores[i] = -__builtin_inff();
  const F32x16 factor = F32x16::broadcast(scale);
  F32x16 most = F32x16::broadcast(-__builtin_inff());
  for (int i = 0; i < tile_positions; i += 16) most = max(F32x16::load(scores + i) * factor, most);
  const float tile_max = most.reduce_max();
  const F32x16 subtrahend = F32x16::broadcast(tile_max);
  F32x16 sum = F32x16::broadcast(0.0f);
  for (int i = 0; i < tile_positions; i += 16) {
    const F32x16 weights = exp(F32x16::load(scores + i) * factor - subtrahend);
    weights.store(scores + i);
    sum = sum + weights;
  }
  const float new_max = row.max > tile_max ? row.max : tile_max;
  keep = exp_of(row.max - new_max);
  take = exp_of(tile_max - new_max);
  row.max = new_max;
  row.sum = __builtin_fmaf(row.sum, keep, sum.reduce_add() * take);
}

/// Turns a row's scores into cap·tanh(score·scale / cap).
inline void cap_scores(const ScoreSpec& spec, float* scores) {
  const F32x16 factor = F32x16::broadcast(spec.scale);
  for (int i = 0; i < tile_positions; i += 16) (F32x16::load(scores + i) * factor).store(scores + i);
  soft_cap(scores, spec.cap, scores, tile_positions);
}

inline void merge_vector(float* acc, int count, F32x16 keep, F32x16 sum, F32x16 take) {
  store(fma(load(acc, count), keep, sum * take), acc, count);
}

/// acc = acc·keep + (Σ weight·v)·take for the `dims` dimensions of a panel.
template <int rows, class Panel>
[[gnu::flatten]] inline void merge_values(const AttentionRow* row, const Panel& panel, int first_dim,
                                          int dims, const Scores& scores, int first_row) {
  const float* weights[rows];
  unrolled<rows>([&](auto r) { weights[r] = scores.of[first_row + r]; });
  const Seen seen(row, rows);
  for_vector_runs<register_vectors(rows)>(0, (dims + 15) / 16, [&](auto vectors, int first) {
    F32x16 sum[rows][vectors];
    multiply_panel(panel, first, seen.begin, seen.end, weights, sum);
    unrolled<rows>([&](auto r) {
      const F32x16 keep = F32x16::broadcast(scores.keep[first_row + r]);
      const F32x16 take = F32x16::broadcast(scores.take[first_row + r]);
      unrolled<vectors>([&](auto v) {
        const int dim = 16 * (first + v);
        merge_vector(row[r].acc + first_dim + dim, dims - dim < 16 ? dims - dim : 16, keep, sum[r][v], take);
      });
    });
  });
}

/// Merges a tile into rows. `score_rows(count, rows, scores)` scores some of them, `values(dim)` is the panel
/// of values that begins with a dimension.
template <class ScoreRows, class Values>
inline void merge_tile(AttentionRow* rows, int n_rows, int v_dim, const ScoreSpec& spec,
                       const ScoreRows& score_rows, const Values& values) {
  Scores scores;
  const float scale = spec.cap == 0 ? spec.scale : 1.0f;  // what is left to do of it
  for (int done = 0; done < n_rows; done += cached_rows) {
    AttentionRow* const row = rows + done;
    const int n = n_rows - done < cached_rows ? n_rows - done : cached_rows;
    for_rows(n, [&](auto count, int first) { score_rows(count, row + first, scores.of + first); });
    if (spec.cap != 0) {
      for (int r = 0; r < n; ++r) cap_scores(spec, scores.of[r]);
    }
    for (int r = 0; r < n; ++r) weigh(row[r], scale, scores.of[r], scores.keep[r], scores.take[r]);
    for (int dim = 0; dim < v_dim; dim += panel_lanes) {
      const auto panel = values(dim);
      const int dims = v_dim - dim < panel_lanes ? v_dim - dim : panel_lanes;
      for_rows(n, [&](auto count, int first) {
        merge_values<count>(row + first, panel, dim, dims, scores, first);
      });
    }
  }
}

template <class Tile>
void attend(AttentionRow* rows, int n_rows, const std::byte* tile, int k_dim, int v_dim,
            const ScoreSpec& spec) {
  const auto keys = Tile::keys(tile);
  merge_tile(
      rows, n_rows, v_dim, spec,
      [&](auto count, const AttentionRow* row, float(*scores)[tile_positions]) {
        score<count>(row, keys, k_dim, scores);
      },
      [&](int dim) { return Tile::values(tile, k_dim, v_dim, dim); });
}

template <class Tile>
void attend_shared(AttentionRow* rows, int n_rows, const std::byte* tile, int k_dim, int v_dim,
                   const ScoreSpec& spec) {
  merge_tile(
      rows, n_rows, v_dim, spec,
      [&](auto count, const AttentionRow* row, float(*scores)[tile_positions]) {
        score_values<Tile, count>(row, tile, k_dim, scores);
      },
      [&](int dim) { return Tile::values(tile, 0, k_dim, dim); });
}

/// Merges a part that was computed apart, as `attend` would have merged it.
void merge_attention(const AttentionRow& part, int v_dim, AttentionRow& row) {
  const float max = row.max > part.max ? row.max : part.max;
  const float keep = exp_of(row.max - max);
  const float take = exp_of(part.max - max);
  row.max = max;
  row.sum = __builtin_fmaf(row.sum, keep, part.sum * take);
  for_vectors(v_dim, [&](std::int64_t i, int count) {
    merge_vector(row.acc + i, count, F32x16::broadcast(keep), load(part.acc + i, count),
                 F32x16::broadcast(take));
  });
}

void finish_attention(AttentionRow& row, int v_dim) {
  const F32x16 sum = F32x16::broadcast(row.sum);
  for_vectors(v_dim, [&](std::int64_t i, int count) {
    // Adding 0 makes one of both zeros: their signs depend on what was merged apart.
    store(load(row.acc + i, count) / sum + F32x16::broadcast(0.0f), row.acc + i, count);
  });
}

template <class Tile>
constexpr KvKernels kv_kernels_of(KvType type) {
  return {type, Tile::store, attend<Tile>, attend_shared<Tile>};
}

}  // namespace
}  // namespace yoke::kernels
