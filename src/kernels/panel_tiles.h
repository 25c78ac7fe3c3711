// What products of packed weights have in common, quantised or not: which tokens and panels are computed
// together. Contract: Kernels::PanelMultiply.
// Written over F32x16, which vec_*.h defines before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/matmul.h"
#include "kernels/panels.h"

namespace yoke::kernels {
namespace {

/// Most tokens that panels are used for at once.
constexpr int strip_tokens = 96;

/// The panels of a tile, from `first` on. Where there are fewer than the tile has, the last one is repeated:
/// its results are computed and stored again.
template <int panels>
struct PanelTile {
  std::int64_t index[panels];
  std::size_t skip[panels];  // bytes from the first

  PanelTile(const PanelProduct& a, std::int64_t first) {
    for (int p = 0; p < panels; ++p) {
      index[p] = first + p < a.end_panel ? first + p : a.end_panel - 1;
      skip[p] = static_cast<std::size_t>(index[p] - first) * a.panel_bytes;
    }
  }
};

/// Stores what sixteen lanes have summed up for a token.
inline void store_rows(const PanelProduct& a, std::int64_t panel, std::int64_t token, F32x16 sums) {
  float* to = a.y + token * a.y_stride + panel * panel_rows;
  const std::int64_t rows = a.rows - panel * panel_rows;
  if (rows >= panel_rows) {
    sums.store(to);
  } else {
    sums.store_partial(to, static_cast<int>(rows));
  }
}

/// Multiplies `Product` by strips of tokens. It has
///   few<panels, tokens>(a, first, end)   at most gemv_most, `tokens` of them and `panels` panels at a time
///   many(a, first, end)                  more than gemv_most
/// for tokens [first, end) and all panels of `a`.
template <class Product>
void multiply_strips(const PanelProduct& a) {
  for (std::int64_t first = a.first_token; first < a.end_token; first += strip_tokens) {
    const std::int64_t end = first + strip_tokens < a.end_token ? first + strip_tokens : a.end_token;
    const std::int64_t tokens = end - first;
    if (tokens > gemv_most) {
      Product::many(a, first, end);
    } else if constexpr (gemv_tokens == 1) {
      for (std::int64_t t = first; t < end; ++t) Product::template few<1, 1>(a, t, t + 1);
    } else if (tokens > 4) {
      Product::template few<gemv_panels, gemv_tokens>(a, first, end);
    } else if (tokens > 2) {
      Product::template few<gemv_panels, 4>(a, first, end);
    } else if (tokens == 2) {
      Product::template few<1, 2>(a, first, end);
    } else {
      Product::template few<1, 1>(a, first, end);
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
