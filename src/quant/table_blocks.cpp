#include "quant/table_blocks.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>

#include "quant/fit.h"
#include "quant/half.h"

namespace yoke::quant {
namespace {

/// scale · table[q] of 32 values; `q` is their 16 bytes.
void decode_codes(const std::uint8_t* q, const std::int8_t (&table)[16], float scale, float* out) {
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = scale * static_cast<float>(table[q[i] & 0xf]);
    out[i + 16] = scale * static_cast<float>(table[q[i] >> 4]);
  }
}

/// Half of the scale, by which the table's halves are multiplied.
float mxfp4_scale(int e) { return std::ldexp(0.5f, e - 127); }

/// The code of the table's value nearest to `halves`; half-way, the even code.
int mxfp4_code(float halves) {
  const float magnitude = std::abs(halves);
  int code = 0;
  for (int i = 0; i < 7; ++i) {
    const float middle = 0.5f * static_cast<float>(mxfp4_table[i] + mxfp4_table[i + 1]);
    code += (i % 2 == 0 ? magnitude > middle : magnitude >= middle) ? 1 : 0;
  }
  return halves < 0 ? code | 8 : code;
}

/// By what the values are multiplied to come to the table's halves, in double, where it is always finite.
double halves_per_unit(int e) { return std::ldexp(2.0, 127 - e); }

int mxfp4_code_of(float x, int e) { return mxfp4_code(static_cast<float>(x * halves_per_unit(e))); }

double mxfp4_error(int e, std::span<const float> in, std::span<const float> weights) {
  double error = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const float decoded = mxfp4_scale(e) * static_cast<float>(mxfp4_table[mxfp4_code_of(in[i], e)]);
    const double miss = static_cast<double>(in[i]) - decoded;  // infinite where the decoded value is
    error += weights[i] * miss * miss;
  }
  return error;
}

}  // namespace

void decode(const BlockIQ4_NL& block, std::span<float, BlockIQ4_NL::values> out) {
  decode_codes(block.q, iq4_table, f16_to_f32(block.d), out.data());
}

void decode(const BlockIQ4_XS& block, std::span<float, BlockIQ4_XS::values> out) {
  const float d = f16_to_f32(block.d);
  for (std::size_t sub = 0; sub < BlockIQ4_XS::values / 32; ++sub) {
    const int low = block.scales_low[sub / 2] >> (4 * (sub % 2)) & 0xf;
    const int high = block.scales_high >> (2 * sub) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    decode_codes(block.q + 16 * sub, iq4_table, scale, out.data() + 32 * sub);
  }
}

void decode(const BlockMXFP4& block, std::span<float, BlockMXFP4::values> out) {
  decode_codes(block.q, mxfp4_table, mxfp4_scale(block.e), out.data());
}

void encode(std::span<const float, BlockMXFP4::values> in, BlockMXFP4& block) {
  assert(std::all_of(in.begin(), in.end(), [](float x) { return std::isfinite(x); }));
  constexpr std::size_t half = BlockMXFP4::values / 2;
  std::array<float, BlockMXFP4::values> weights{};
  weigh(in, weights);
  float largest = 0;
  for (const float x : in) largest = std::max(largest, std::abs(x));
  // 4 is the table's largest power of two.
  const int specified = largest > 0 ? std::ilogb(largest) - 2 + 127 : 0;
  int best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int e = std::max(specified - 1, 0); e <= std::max(specified + 1, 0); ++e) {
    if (const double error = mxfp4_error(e, in, weights); error < least) {
      least = error;
      best = e;
    }
  }
  block.e = static_cast<std::uint8_t>(best);
  for (std::size_t i = 0; i < half; ++i) {
    block.q[i] =
        static_cast<std::uint8_t>(mxfp4_code_of(in[i], best) | mxfp4_code_of(in[i + half], best) << 4);
  }
}

}  // namespace yoke::quant
