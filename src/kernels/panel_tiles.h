// What products of packed weights have in common, quantised or not: which tokens and panels are computed
// together. Contract: Kernels::PanelMultiply.
// Written over F32x16, which vec_*.h defines before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"
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

/// Multiplies `Product` by strips of tokens, one or two of them as `gemv` says. It has
///   few<panels, tokens, asks_ahead>(a, first, end)   at most gemv_most, `tokens` of them and `panels` panels
///                                                    at a time
///   many(a, first, end)                              more than gemv_most
/// for tokens [first, end) and all panels of `a`; and it says whether it can ask ahead and, where it does,
/// how many panels it then wants at a time for one token.
template <class Product, Gemv gemv>
void multiply_strips(const PanelProduct& a) {
  constexpr bool ahead = gemv == Gemv::ahead;
  for (std::int64_t first = a.first_token; first < a.end_token; first += strip_tokens) {
    const std::int64_t end = first + strip_tokens < a.end_token ? first + strip_tokens : a.end_token;
    const std::int64_t tokens = end - first;
    if (tokens > gemv_most) {
      Product::many(a, first, end);
    } else if constexpr (gemv_tokens == 1) {
      for (std::int64_t t = first; t < end; ++t) Product::template few<1, 1, false>(a, t, t + 1);
    } else if (tokens > 4) {
      Product::template few<gemv_panels, gemv_tokens, true>(a, first, end);
    } else if (tokens > 2) {
      Product::template few<gemv_panels, 4, true>(a, first, end);
    } else if (tokens == 2) {
      Product::template few<ahead ? gemv_panels : 1, 2, ahead>(a, first, end);
    } else {
      Product::template few<ahead ? Product::panels_of_one_token : 1, 1, ahead>(a, first, end);
    }
  }
}

/// The entry of a table: `Product` in every way that it has. Plain code, a token at a time, has one.
template <class Product>
constexpr Kernels::PanelMultiplyOf panel_multiply(quant::Type type) {
  if constexpr (Product::asks_ahead && gemv_tokens > 1) {
    return {type, {multiply_strips<Product, Gemv::plain>, multiply_strips<Product, Gemv::ahead>}};
  } else {
    return {type, {multiply_strips<Product, Gemv::plain>, multiply_strips<Product, Gemv::plain>}};
  }
}

}  // namespace
}  // namespace yoke::kernels
