// Products of quantised packed weights with activations as bytes.
// Written over the formats of panel_formats.h and UnpackedCodes (unpacked_codes*.h).
//
// A row's sum is one chain of F32 over blocks of 32 columns, whatever the number of tokens and whether the
// codes come from the panel or were unpacked before: what add_block() does with a block is all there is, so
// that a token's result never depends on its company.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/panel_formats.h"
#include "kernels/panel_tiles.h"

namespace yoke::kernels {
namespace {

/// From where a tile of tokens reads its activations. Where there are fewer tokens than the tile has, the
/// last one is repeated, and is not stored again.
template <int tokens>
struct TokenTile {
  std::int64_t first;
  int n;  // 1..tokens
  const ActivationBlock* blocks[tokens];

  TokenTile(const PanelActivations& x, std::int64_t first_, std::int64_t end)
      : first(first_), n(end - first < tokens ? static_cast<int>(end - first) : tokens) {
    for (int t = 0; t < tokens; ++t) blocks[t] = x.blocks + (first + (t < n ? t : n - 1)) * x.block_stride;
  }
};

/// A block of 32 columns of `panels` panels against `count` tokens of a tile, from `first` on. `at` is the
/// block's place in a row.
template <class Block, int panels, int tokens, int first, int count>
class BlockProduct {
 public:
  BlockProduct(const Block (&block)[panels], const TokenTile<tokens>& x, std::int64_t at)
      : block_(block), x_(x), at_(at) {}

  [[gnu::always_inline]] void add_to(F32x16 (&sum)[panels][tokens]) const {
    I32x16 total[panels][count];
    if constexpr (Format::by_halves) {
      dot_half<0>(total);
      I32x16 second[panels][count];
      dot_half<1>(second);
      each([&](auto p, auto t) { total[p][t] = total[p][t] + second[p][t]; });
    } else {
      dot<0, 8>(total, [](const ActivationBlock& x) { return x.minus_sum; });
    }
    F32x16 scale[panels];
    unrolled<panels>([&](auto p) { scale[p] = block_[p].scale(); });
    each([&](auto p, auto t) {
      const F32x16 d = F32x16::broadcast(token(t).d);
      sum[p][first + t] = fma(to_float(total[p][t]), scale[p] * d, sum[p][first + t]);
    });
    if constexpr (Format::offsets == 1) {
      add_offset<0>(sum, [](const ActivationBlock& x) { return x.d_sum; });
    } else if constexpr (Format::offsets == 2) {
      add_offset<0>(sum, [](const ActivationBlock& x) { return x.d_half_sums[0]; });
      add_offset<1>(sum, [](const ActivationBlock& x) { return x.d_half_sums[1]; });
    }
  }

 private:
  using Format = typename Block::Format;

  template <class Body>
  [[gnu::always_inline]] static void each(const Body& body) {
    unrolled<count>([&](auto t) { unrolled<panels>([&](auto p) { body(p, t); }); });
  }

  const ActivationBlock& token(int t) const { return x_.blocks[first + t][at_]; }

  /// Exact sums over `quads` × 4 columns.
  template <int first_quad, int quads, class MinusSum>
  [[gnu::always_inline]] void dot(I32x16 (&out)[panels][count], const MinusSum& minus_sum) const {
    using Sum = typename Block::Sum;
    if constexpr (Sum::tokens == 2) {
      dot_in_pairs<first_quad, quads>(out);
    } else {
      Sum sums[panels][count];
      each([&](auto p, auto t) { sums[p][t] = Sum(minus_sum(token(t))); });
      unrolled<quads>([&](auto q) {
        constexpr int quad = first_quad + q;
        U8x64 codes[panels];
        unrolled<panels>([&](auto p) { codes[p] = block_[p].template codes<quad>(); });
        each([&](auto p, auto t) {
          if constexpr (Sum::takes_whole_blocks) {
            sums[p][t].template add<quad>(codes[p], token(t).q);
          } else {
            sums[p][t].add(codes[p], token(t).q + 4 * quad);
          }
        });
      });
      each([&](auto p, auto t) { out[p][t] = sums[p][t].total(); });
    }
  }

  /// The same where an instruction multiplies bytes of two tokens.
  template <int first_quad, int quads>
  [[gnu::always_inline]] void dot_in_pairs(I32x16 (&out)[panels][count]) const {
    static_assert(count == 2);
    unrolled<panels>([&](auto p) {
      typename Block::Sum sum;
      unrolled<quads>([&](auto q) {
        constexpr int quad = first_quad + q;
        sum.template add<quad>(block_[p].template codes<quad>(), token(0).q, token(1).q);
      });
      out[p][0] = sum.template total<0>();
      out[p][1] = sum.template total<1>();
    });
  }

  /// The same over sixteen columns, times their scale.
  template <int half>
  [[gnu::always_inline]] void dot_half(I32x16 (&out)[panels][count]) const {
    dot<4 * half, 4>(out, [](const ActivationBlock& x) { return x.minus_half_sums[half]; });
    I32x16 scale[panels];
    unrolled<panels>([&](auto p) { scale[p] = block_[p].template half_scale<half>(); });
    each([&](auto p, auto t) { out[p][t] = out[p][t] * scale[p]; });
  }

  template <int i, class WeightedSum>
  [[gnu::always_inline]] void add_offset(F32x16 (&sum)[panels][tokens], const WeightedSum& weighted) const {
    F32x16 offset[panels];
    unrolled<panels>([&](auto p) { offset[p] = block_[p].template offset<i>(); });
    each([&](auto p, auto t) {
      sum[p][first + t] = fma(offset[p], F32x16::broadcast(weighted(token(t))), sum[p][first + t]);
    });
  }

  const Block (&block_)[panels];
  const TokenTile<tokens>& x_;
  const std::int64_t at_;
};

/// The whole tile, `count` tokens at a time: so many sums of integers are in registers at once.
template <int count, class Block, int panels, int tokens>
[[gnu::always_inline]] inline void add_block(const Block (&block)[panels], const TokenTile<tokens>& x,
                                             std::int64_t at, F32x16 (&sum)[panels][tokens]) {
  constexpr int step = least_of(count, tokens);
  static_assert(tokens % step == 0);
  unrolled<tokens / step>(
      [&](auto i) { BlockProduct<Block, panels, tokens, i * step, step>(block, x, at).add_to(sum); });
}

// ---- Where a block lies: in its panel, or unpacked

/// Asks for a cache line, to be brought into the first cache (3) or the second (2). GCC drops a function that
/// has no effect but __builtin_prefetch.
template <int cache>
[[gnu::always_inline]] inline void prefetch(const std::byte* at) {
  __builtin_prefetch(at, 0, cache);
  asm volatile("");
}

/// Bytes of a panel for each unit, headers included.
template <class Format>
constexpr int unit_bytes = Format::code_bytes + Format::extra_bytes +
                           (Format::header_bytes + Format::units_per_group - 1) / Format::units_per_group;

/// Which lines are asked for while several tokens are multiplied: so much is computed between two of them
/// that a processor does not see the next ones by itself. (With one or two tokens some do, and lose by it:
/// Gemv.) How far ahead they are, and in which cache they are wanted, was found by measuring: the second can
/// wait for more of them than the first, and weights of a byte do better without those of the scales.
template <class Format>
struct Ahead {
  static constexpr bool of_bytes = Format::code_bytes == unit_cols * panel_rows;
  static constexpr int bytes = of_bytes ? 2048 : 16 * unit_bytes<Format> / 3;
  static constexpr int cache = of_bytes ? 3 : 2;
  static constexpr int lines_bytes = of_bytes ? Format::code_bytes : unit_bytes<Format>;
  static constexpr int lines = (lines_bytes + 63) / 64;  // for a unit
};

/// One half of a unit where it lies.
template <class AFormat, int half, bool asks_ahead>
struct PackedBlock {
  using Format = AFormat;
  using Sum = Dot<Format::max_code, Format::zero>;

  const std::byte* at;  // codes
  const std::byte* extra;
  const typename Format::Header* header;
  const std::byte* ahead;  // what is asked for meanwhile

  /// `group` is where the unit's group begins, of which it is unit `unit`.
  void place(const std::byte* at_, const std::byte* extra_, const typename Format::Header& header_,
             const std::byte* group, int unit) {
    at = at_;
    extra = extra_;
    header = &header_;
    ahead = group + unit * unit_bytes<Format> + Ahead<Format>::bytes;
  }
  template <int quad>
  U8x64 codes() const {
    if constexpr (asks_ahead) ask<8 * half + quad>();
    return Format::template codes<half, quad>(at, extra);
  }
  F32x16 scale() const { return Format::template scale<half>(*header, extra); }
  template <int i>
  I32x16 half_scale() const {
    return Format::template half_scale<half, i>(extra);
  }
  template <int i>
  F32x16 offset() const {
    return Format::template offset<half, i>(*header, extra);
  }

 private:
  /// Every sixteenth of the lines ahead from `line` on.
  template <int line>
  void ask() const {
    if constexpr (line < Ahead<Format>::lines) {
      prefetch<Ahead<Format>::cache>(ahead + 64 * line);
      ask<line + 16>();
    }
  }
};

/// A block of sixteen rows and 32 columns, unpacked.
template <class Format>
struct UnpackedBlock {
  alignas(64) std::byte codes[8][64];  // as UnpackedCodes says
  float scale[16];
  float offset[Format::offsets == 0 ? 1 : Format::offsets][16];
  std::int32_t half_scale[Format::by_halves ? 2 : 1][16];

  template <int half>
  void unpack(const PackedBlock<Format, half, true>& from) {
    if constexpr (UnpackedCodes<Format>::as_in_panels) {
      unrolled<8>([&](auto quad) { from.template codes<quad>().store(codes[quad]); });
    } else {
      UnpackedCodes<Format>::unpack(from, codes);
    }
    from.scale().store(scale);
    unrolled<Format::offsets>([&](auto i) { from.template offset<i>().store(offset[i]); });
    if constexpr (Format::by_halves) {
      unrolled<2>([&](auto i) { store_i32(from.template half_scale<i>(), half_scale[i]); });
    }
  }
};

template <class AFormat>
struct UnpackedView {
  using Format = AFormat;
  using Sum = typename UnpackedCodes<Format>::Sum;

  const UnpackedBlock<Format>* block;

  template <int quad>
  U8x64 codes() const {
    return U8x64::load(block->codes[quad]);
  }
  F32x16 scale() const { return F32x16::load(block->scale); }
  template <int i>
  I32x16 half_scale() const {
    return load_i32(block->half_scale[i]);
  }
  template <int i>
  F32x16 offset() const {
    return F32x16::load(block->offset[i]);
  }
};

// ---- Walking through a panel

/// The headers at one place of a tile's panels.
template <class Format, int panels>
struct PanelHeaders {
  typename Format::Header of[panels];
  PanelHeaders(const std::byte* first, const PanelTile<panels>& tile)
      : PanelHeaders(first, tile, std::make_integer_sequence<int, panels>()) {}

 private:
  template <int... p>
  PanelHeaders(const std::byte* first, const PanelTile<panels>& tile, std::integer_sequence<int, p...>)
      : of{typename Format::Header(first + tile.skip[p])...} {}
};

/// Calls body(first unit, units, codes, extras, header) for each group of a panel. All panels of a matrix
/// have their groups at the same places.
template <class Format, class Body>
inline void for_each_group(const PanelProduct& a, std::int64_t panel, const Body& body) {
  const std::byte* group = a.panels + static_cast<std::size_t>(panel) * a.panel_bytes;
  int phase = a.phase;
  for (std::int64_t unit = 0; unit < a.units;) {
    const std::int64_t left = a.units - unit;
    const int units =
        left < Format::units_per_group - phase ? static_cast<int>(left) : Format::units_per_group - phase;
    const std::byte* header = group;
    const std::byte* extras = header + Format::header_bytes;
    const std::byte* codes = extras + units * Format::extra_bytes;
    body(unit, units, codes, extras, header);
    group = codes + units * Format::code_bytes;
    unit += units;
    phase = 0;
  }
}

// ---- A few tokens: straight from the panel

template <class Format, int panels, int tokens, bool asks_ahead>
[[gnu::flatten]] inline void multiply_panels(const PanelProduct& a, std::int64_t panel,
                                             const TokenTile<tokens>& tile) {
  constexpr int count = Format::by_halves ? gemv_tile_by_halves : gemv_tile;
  const PanelTile<panels> rows(a, panel);
  F32x16 sum[panels][tokens];
  unrolled<tokens>([&](auto t) { unrolled<panels>([&](auto p) { sum[p][t] = F32x16::broadcast(0.0f); }); });
  const auto add_group = [&](std::int64_t first, int units, const std::byte* codes, const std::byte* extras,
                             const std::byte* header) {
    // Scales are read beside the codes; here memory is still asked front to back.
    for (int p = 0; p < panels; ++p) {
      for (const std::byte* at = header; at < codes; at += 64) prefetch<3>(at + rows.skip[p]);
    }
    const PanelHeaders<Format, panels> headers(header, rows);
    for (int i = 0; i < units; ++i) {
      unrolled<2>([&](auto half) {
        PackedBlock<Format, half, asks_ahead> block[panels];
        unrolled<panels>([&](auto p) {
          block[p].place(codes + rows.skip[p] + i * Format::code_bytes,
                         extras + rows.skip[p] + i * Format::extra_bytes, headers.of[p],
                         header + rows.skip[p], i);
        });
        add_block<count>(block, tile, 2 * (first + i) + half, sum);
      });
    }
  };
  for_each_group<Format>(a, panel, add_group);
  // No loop over an index: it would keep the sums in memory.
  unrolled<tokens>([&](auto t) {
    unrolled<panels>([&](auto p) {
      if (t < tile.n) store_rows(a, rows.index[p], tile.first + t, sum[p][t]);
    });
  });
}

// ---- Many tokens: a few columns are unpacked into the first cache, and used for all

/// Units unpacked at a time.
constexpr int chunk_units = 4;

template <int panels>
struct StripSums {
  alignas(64) float of[strip_tokens][panels][16];
};

/// `blocks` unpacked blocks of `panels` panels, from block `first` of the row on, against a tile.
template <class Format, int panels, int tokens>
[[gnu::flatten]] inline void add_chunk(const UnpackedBlock<Format> (&chunk)[2 * chunk_units][panels],
                                       int blocks, std::int64_t first, const TokenTile<tokens>& tile,
                                       float (*sums)[panels][16]) {
  F32x16 sum[panels][tokens];
  unrolled<tokens>([&](auto t) {
    unrolled<panels>([&](auto p) { sum[p][t] = F32x16::load(sums[t < tile.n ? t : tile.n - 1][p]); });
  });
  for (int b = 0; b < blocks; ++b) {
    UnpackedView<Format> block[panels];
    unrolled<panels>([&](auto p) { block[p].block = &chunk[b][p]; });
    add_block<tokens>(block, tile, first + b, sum);
  }
  unrolled<tokens>([&](auto t) {
    unrolled<panels>([&](auto p) {
      if (t < tile.n) sum[p][t].store(sums[t][p]);
    });
  });
}

/// Tokens [first, end), at most strip_tokens, against `panels` panels from `panel` on.
template <class Format, int panels>
inline void multiply_strip(const PanelProduct& a, std::int64_t panel, std::int64_t first, std::int64_t end) {
  constexpr int tokens = Format::by_halves ? tile_tokens_by_halves : tile_tokens;
  const PanelTile<panels> rows(a, panel);
  StripSums<panels> sums;
  for (std::int64_t t = 0; t < end - first; ++t) {
    for (int p = 0; p < panels; ++p) F32x16::broadcast(0.0f).store(sums.of[t][p]);
  }
  UnpackedBlock<Format> chunk[2 * chunk_units][panels];
  std::int64_t chunk_first = 0;  // its first unit
  int filled = 0;                // units in it
  const auto unpack = [&](int units, const std::byte* codes, const std::byte* extras,
                          const std::byte* header_at) {
    for (int p = 0; p < panels; ++p) {
      const typename Format::Header header(header_at + rows.skip[p]);
      for (int i = 0; i < units; ++i) {
        unrolled<2>([&](auto half) {
          PackedBlock<Format, half, true> block;
          block.place(codes + rows.skip[p] + i * Format::code_bytes,
                      extras + rows.skip[p] + i * Format::extra_bytes, header, header_at + rows.skip[p], i);
          chunk[2 * (filled + i) + half][p].unpack(block);
        });
      }
    }
    filled += units;
  };
  const auto use = [&] {
    for (std::int64_t t = first; t < end; t += tokens) {
      add_chunk<Format, panels, tokens>(chunk, 2 * filled, 2 * chunk_first, TokenTile<tokens>(a.x, t, end),
                                        sums.of + (t - first));
    }
    chunk_first += filled;
    filled = 0;
  };
  for_each_group<Format>(
      a, panel,
      [&](std::int64_t, int units, const std::byte* codes, const std::byte* extras, const std::byte* header) {
        unpack(units, codes, extras, header);
        if (filled + Format::units_per_group > chunk_units) use();
      });
  if (filled > 0) use();
  for (std::int64_t t = first; t < end; ++t) {
    for (int p = 0; p < panels; ++p) store_rows(a, rows.index[p], t, F32x16::load(sums.of[t - first][p]));
  }
}

template <class Format>
struct QuantisedProduct {
  static constexpr bool asks_ahead = true;
  static constexpr int panels_of_one_token = Ahead<Format>::of_bytes ? gemv_panels_of_bytes : gemv_panels;

  template <int panels, int tokens, bool ahead>
  static void few(const PanelProduct& a, std::int64_t first, std::int64_t end) {
    for (std::int64_t panel = a.first_panel; panel < a.end_panel; panel += panels) {
      for (std::int64_t t = first; t < end; t += tokens) {
        multiply_panels<Format, panels, tokens, ahead>(a, panel, TokenTile<tokens>(a.x, t, end));
      }
    }
  }
  static void many(const PanelProduct& a, std::int64_t first, std::int64_t end) {
    for (std::int64_t panel = a.first_panel; panel < a.end_panel; panel += tile_panels) {
      multiply_strip<Format, tile_panels>(a, panel, first, end);
    }
  }
};

}  // namespace
}  // namespace yoke::kernels
