#include "quant/random_blocks.h"

#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "quant/half.h"
#include "quant/iq_blocks.h"

namespace yoke::quant {
namespace {

/// All begin with it, but IQ1_M.
void put_scale(Type type, std::uint16_t half, std::byte* block) {
  if (type != Type::iq1_m) {
    std::memcpy(block, &half, sizeof half);
    return;
  }
  BlockIQ1_M parts;
  std::memcpy(&parts, block, sizeof parts);
  for (unsigned i = 0; i < 4; ++i) {
    parts.scales[i] = static_cast<std::uint16_t>((parts.scales[i] & 0xfff) | (half >> (4 * i) & 15) << 12);
  }
  std::memcpy(block, &parts, sizeof parts);
}

double root_mean_square(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

}  // namespace

void random_blocks(const Format& format, float deviation, std::mt19937_64& random, std::span<std::byte> out) {
  assert(format.dequantize != nullptr && format.quantize == nullptr && out.size() % format.block_bytes == 0);
  std::vector<float> values(static_cast<std::size_t>(format.block_values));
  for (; !out.empty(); out = out.subspan(format.block_bytes)) {
    const std::span<std::byte> block = out.first(format.block_bytes);
    for (std::byte& byte : block) byte = static_cast<std::byte>(random() & 0xff);
    put_scale(format.type, f32_to_f16(1), block.data());
    format.dequantize(block, values);
    const auto scale = static_cast<float>(deviation / root_mean_square(values));
    put_scale(format.type, f32_to_f16(random() % 2 == 0 ? scale : -scale), block.data());
  }
}

}  // namespace yoke::quant
