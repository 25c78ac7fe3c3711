// A block of a format of points where it lies in a panel, for the products of panel_matmul.h: its points are
// looked up together, before its codes are asked for.
// Written over the formats of panel_iq_formats.h and Points (panel_points*.h).
#pragma once

#include <cstddef>

#include "kernels/panel_iq_formats.h"
#include "kernels/panel_matmul.h"

namespace yoke::kernels {
namespace {

/// Codes of half a unit.
template <class Format, int half>
class PointHalf {
 public:
  void find(const std::byte* codes, const std::byte* extra) {
    signs_.find(extra);
    unrolled<atoms>([&](auto i) {
      constexpr int atom = atoms * half + i;
      points_[i].find(codes + 64 * atom, Format::template high_planes<atom>(extra).of);
    });
  }
  template <int quad>
  U8x64 codes() const {
    const Points& points = points_[quad / Points::quads];
    constexpr int own = quad % Points::quads;
    if constexpr (Format::has_signs) {
      return points.template values<own, Format>(signs_.template of<quad>());
    } else {
      return points.template codes<own>();
    }
  }

 private:
  using Points = kernels::Points<typename Format::Grid>;
  static constexpr int atoms = 8 / Points::quads;
  Points points_[atoms];
  typename Format::template Signs<half> signs_;
};

template <class AFormat, int half, bool asks_ahead>
requires AFormat::by_points struct PackedBlock<AFormat, half, asks_ahead> {
  using Format = AFormat;
  using Sum = Dot<Format::max_code, Format::zero>;
  PointHalf<Format, half> points;
  const std::byte* extra;
  const typename Format::Header* header;

  void place(const std::byte* at, const std::byte* extra_, const typename Format::Header& header_,
             const std::byte* group, int unit) {
    using Lines = Ahead<Format>;
    extra = extra_;
    header = &header_;
    if constexpr (asks_ahead) {
      const std::byte* const ahead = group + unit * unit_bytes<Format> + Lines::bytes;
      for (int line = half * Lines::lines / 2; line < (half + 1) * Lines::lines / 2; ++line)
        prefetch<Lines::cache>(ahead + 64 * line);
    }
    points.find(at, extra);
  }
  template <int quad>
  U8x64 codes() const {
    return points.template codes<quad>();
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
};

}  // namespace
}  // namespace yoke::kernels
