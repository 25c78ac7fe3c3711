#include "support.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <new>

#include "quant/half.h"

namespace yoke::kernels {

GuardedBytes::GuardedBytes(std::size_t size, bool at_start) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t inner = (size + page - 1) / page * page;
  mapped_ = inner + 2 * page;
  void* const pages = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  pages_ = static_cast<std::byte*>(pages);
  if (inner > 0 && mprotect(pages_ + page, inner, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  data_ = pages_ + page + (at_start ? 0 : inner - size);
}

GuardedBytes::~GuardedBytes() { munmap(pages_, mapped_); }

std::vector<float> random_floats(std::size_t n, Random& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

std::vector<float> wild_floats(std::size_t n, Random& random) {
  std::vector<float> values(n);
  for (float& value : values) {
    switch (random() % 8) {
      case 0:
        value = 0.0f;
        break;
      case 1:
        value = -0.0f;
        break;
      case 2:
        value = std::bit_cast<float>(static_cast<std::uint32_t>(random() & 0x807fffff));
        break;  // subnormal
      default:
        do {
          value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
        } while (!std::isfinite(value));
    }
  }
  return values;
}

std::span<const quant::Type> matmul_types() {
  static const quant::Type types[] = {quant::Type::f32, quant::Type::f16, quant::Type::bf16,
                                      quant::Type::q8_0, quant::Type::q4_0};
  return types;
}

std::vector<std::byte> random_weights(quant::Type type, std::int64_t n, Random& random, bool wild) {
  const quant::Format& format = quant::format(type);
  std::vector<std::byte> bytes(format.bytes(n));
  const std::size_t blocks = bytes.size() / format.block_bytes;
  const std::vector<float> floats = wild ? wild_floats(blocks, random) : random_floats(blocks, random);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (std::size_t block = 0; block < blocks; ++block) {
    std::byte* const to = bytes.data() + block * format.block_bytes;
    const auto put_half = [to](std::uint16_t half) { std::memcpy(to, &half, sizeof half); };
    if (type == quant::Type::f32) {
      std::memcpy(to, &floats[block], sizeof(float));
    } else if (type == quant::Type::bf16) {
      put_half(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(floats[block]) >> 16));
    } else if (wild) {
      put_half(static_cast<std::uint16_t>(random() & 0xfbff));  // any F16 but infinities and NaNs
    } else {
      put_half(quant::f32_to_f16(floats[block]));
    }
  }
  return bytes;
}

std::vector<float> dequantized(quant::Type type, std::span<const std::byte> weights) {
  const quant::Format& format = quant::format(type);
  std::vector<float> values(weights.size() / format.block_bytes *
                            static_cast<std::size_t>(format.block_values));
  format.dequantize(weights, values);
  return values;
}

std::vector<std::uint32_t> bits_of(std::span<const float> values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) {
    bits.push_back(
        std::bit_cast<std::uint32_t>(std::isnan(value) ? std::numeric_limits<float>::quiet_NaN() : value));
  }
  return bits;
}

float lane_order_dot(std::span<const float> a, std::span<const float> b) {
  float lanes[16] = {};
  for (std::size_t i = 0; i < a.size(); ++i) lanes[i % 16] = std::fma(a[i], b[i], lanes[i % 16]);
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

double lane_order_tolerance(std::span<const float> a, std::span<const float> b) {
  double magnitude = 0;
  for (std::size_t i = 0; i < a.size(); ++i) magnitude += std::abs(double{a[i]} * b[i]);
  const double chain = static_cast<double>(a.size()) / 16 + 1 + 4;  // multiply-adds of a lane, then the tree
  return 0x1p-24 * 1.01 * chain * magnitude;
}

}  // namespace yoke::kernels
