// Products of packed floats with floats: one chain over columns for each row, whatever is computed beside it.
// Written over the formats of panel_formats.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/panel_formats.h"
#include "kernels/panel_tiles.h"

namespace yoke::kernels {
namespace {

template <int panels, int tokens, class Load>
[[gnu::flatten]] inline void add_columns(std::int64_t columns, const Load& load, const float* (&x)[tokens],
                                         F32x16 (&sum)[panels][tokens]) {
  for (std::int64_t k = 0; k < columns; ++k) {
    F32x16 weights[panels];
    unrolled<panels>([&](auto p) { weights[p] = load(p, k); });
    unrolled<tokens>([&](auto t) {
      const F32x16 value = F32x16::broadcast(x[t][k]);
      unrolled<panels>([&](auto p) { sum[p][t] = fma(weights[p], value, sum[p][t]); });
    });
  }
}

template <class Format, int panels, int tokens>
[[gnu::flatten]] inline void multiply_float_tile(const PanelProduct& a, std::int64_t panel,
                                                 std::int64_t first, std::int64_t end) {
  const PanelTile<panels> rows(a, panel);
  const std::byte* from = a.panels + static_cast<std::size_t>(panel) * a.panel_bytes;
  const float* x[tokens];
  F32x16 sum[panels][tokens];
  unrolled<tokens>([&](auto t) {
    // What is missing to a whole tile repeats the last token.
    x[t] = a.x.floats + (first + t < end ? first + t : end - 1) * a.x.float_stride;
    unrolled<panels>([&](auto p) { sum[p][t] = F32x16::broadcast(0.0f); });
  });
  const auto load = [&](int p, std::int64_t k) {
    return Format::column(from + rows.skip[p] + k * Format::code_bytes);
  };
  add_columns(a.units, load, x, sum);
  unrolled<tokens>([&](auto t) {
    unrolled<panels>([&](auto p) {
      if (first + t < end) store_rows(a, rows.index[p], first + t, sum[p][t]);
    });
  });
}

template <class Format>
struct FloatProduct {
  static constexpr bool asks_ahead = false;
  static constexpr int panels_of_one_token = 1;

  template <int panels, int tokens, bool ahead>
  static void few(const PanelProduct& a, std::int64_t first, std::int64_t end) {
    multiply<1, least_of(tokens, 4)>(a, first, end);
  }
  static void many(const PanelProduct& a, std::int64_t first, std::int64_t end) {
    multiply<tile_panels, float_tile_tokens>(a, first, end);
  }

 private:
  template <int panels, int tokens>
  static void multiply(const PanelProduct& a, std::int64_t first, std::int64_t end) {
    for (std::int64_t panel = a.first_panel; panel < a.end_panel; panel += panels) {
      for (std::int64_t t = first; t < end; t += tokens)
        multiply_float_tile<Format, panels, tokens>(a, panel, t, end);
    }
  }
};

}  // namespace
}  // namespace yoke::kernels
