#include "quant/table_blocks.h"

#include <cmath>
#include <cstddef>

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
  decode_codes(block.q, mxfp4_table, std::ldexp(0.5f, block.e - 127), out.data());
}

}  // namespace yoke::quant
