#include "quant/fit.h"

#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>

namespace yoke::quant {
namespace {

// Widths that are tried, in eighths of a code around the plain one.
constexpr int tries = 8;
constexpr float try_step = 0.125f;

float extreme_of(std::span<const float> in) {
  float extreme = 0;  // with its sign; the first of several
  for (const float x : in) {
    if (std::abs(x) > std::abs(extreme)) extreme = x;
  }
  return extreme;
}

int extreme_of(Codes codes) { return -codes.low > codes.high ? codes.low : codes.high; }

struct Ends {
  float lowest, highest;
};
Ends ends_of(std::span<const float> in, Offsets offsets) {
  const auto [lowest, highest] = std::minmax_element(in.begin(), in.end());
  return {offsets == Offsets::not_positive ? std::min(*lowest, 0.0f) : *lowest, *highest};
}

constexpr std::size_t lanes = 8;

/// Σ over every eighth value, eight times.
struct LaneSum {
  float lane[lanes] = {};
  float total() const {
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
  }
};

/// Weighted sums over the codes q of values u, as least squares need them.
struct Sums {
  float w = 0, u = 0, uu = 0;
  float q = 0, qq = 0, uq = 0;

  float error(Line line) const {
    return uu + line.scale * (line.scale * qq - 2 * uq + 2 * line.offset * q) +
           line.offset * (line.offset * w - 2 * u);
  }
};

/// The sums for codes nearest to factor · u.
Sums sums_of(std::span<const float> values, std::span<const float> weights, float factor, Codes codes) {
  LaneSum w, wu, wuu, wq, wqq, wuq;
  for (std::size_t i = 0; i < values.size(); i += lanes) {
    for (std::size_t l = 0; l < lanes; ++l) {
      const float u = values[i + l];
      const float weight = weights[i + l];
      const float q = nearest_code(u * factor, codes);
      w.lane[l] += weight;
      wu.lane[l] += weight * u;
      wuu.lane[l] += weight * u * u;
      wq.lane[l] += weight * q;
      wqq.lane[l] += weight * q * q;
      wuq.lane[l] += weight * u * q;
    }
  }
  return {w.total(), wu.total(), wuu.total(), wq.total(), wqq.total(), wuq.total()};
}

/// u ≈ scale · q + offset with least error for given codes; an offset above `highest_offset` becomes that.
Line solve(const Sums& s, float highest_offset) {
  const float determinant = s.w * s.qq - s.q * s.q;
  constexpr float rounding = 0x1p-18f;  // where all codes are equal, that is all that is left of it
  if (determinant > rounding * s.w * s.qq) {
    const float scale = (s.w * s.uq - s.u * s.q) / determinant;
    const float offset = (s.u - scale * s.q) / s.w;
    if (offset <= highest_offset) return {scale, offset};
  }
  return {s.qq > 0 ? (s.uq - highest_offset * s.q) / s.qq : 0, highest_offset};
}

/// (in − origin) / unit, for which all sums above are of moderate size.
using Units = std::array<float, 32>;
std::span<const float> in_units(std::span<const float> in, float origin, float unit, Units& out) {
  assert(in.size() <= out.size() && in.size() % lanes == 0);
  const float inverse = inverse_or_zero(unit);
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = (in[i] - origin) * inverse;
  return std::span(out).first(in.size());
}

}  // namespace

void weigh(std::span<const float> in, std::span<float> weights) {
  double squares = 0;
  for (const float x : in) squares += static_cast<double>(x) * x;
  const double mean = std::sqrt(squares / static_cast<double>(in.size()));
  const double factor = mean > 0 ? 1 / mean : 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    weights[i] = static_cast<float>(1 + std::abs(in[i]) * factor);
  }
}

float inverse_or_zero(float d) {
  const float inverse = 1.0f / d;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

float error_on(Line line, std::span<const float> in, std::span<const float> weights, Codes codes) {
  const float inverse = inverse_or_zero(line.scale);
  LaneSum error;
  for (std::size_t i = 0; i < in.size(); i += lanes) {
    for (std::size_t l = 0; l < lanes; ++l) {
      const float x = in[i + l];
      const float miss = x - (line.scale * code_on(line, inverse, x, codes) + line.offset);
      error.lane[l] += weights[i + l] * miss * miss;
    }
  }
  return error.total();
}

float plain_scale(std::span<const float> in, Codes codes) {
  return extreme_of(in) / static_cast<float>(extreme_of(codes));
}

float fit_scale(std::span<const float> in, std::span<const float> weights, Codes codes) {
  const float unit = plain_scale(in, codes);
  const float divisor = static_cast<float>(std::abs(extreme_of(codes)));
  Units buffer;
  const std::span<const float> units = in_units(in, 0, unit, buffer);
  float best_scale = 0;
  float best_gain = 0;  // by how much the error is below that of scale 0
  for (int i = -tries; i <= tries; ++i) {
    const Sums sums = sums_of(units, weights, 1 + static_cast<float>(i) * try_step / divisor, codes);
    if (sums.qq <= 0) continue;
    const float scale = sums.uq / sums.qq;
    if (const float gain = scale * sums.uq; gain > best_gain) {
      best_gain = gain;
      best_scale = scale;
    }
  }
  return best_scale * unit;
}

Line plain_line(std::span<const float> in, int high, Offsets offsets) {
  const Ends ends = ends_of(in, offsets);
  return {(ends.highest - ends.lowest) / static_cast<float>(high), ends.lowest};
}

Line fit_line(std::span<const float> in, std::span<const float> weights, int high, Offsets offsets) {
  const Line plain = plain_line(in, high, offsets);
  Units buffer;
  const std::span<const float> units = in_units(in, plain.offset, plain.scale, buffer);
  const float highest_offset = offsets == Offsets::any ? std::numeric_limits<float>::infinity()
                                                       : -plain.offset * inverse_or_zero(plain.scale);
  Line best{1, 0};
  float least = std::numeric_limits<float>::infinity();
  for (int i = -tries; i <= tries; ++i) {
    const float factor = 1 + static_cast<float>(i) * try_step / static_cast<float>(high);
    const Sums sums = sums_of(units, weights, factor, {0, high});
    const Line line = solve(sums, highest_offset);
    if (const float error = sums.error(line); error < least) {
      least = error;
      best = line;
    }
  }
  return {best.scale * plain.scale, best.offset * plain.scale + plain.offset};
}

}  // namespace yoke::quant
