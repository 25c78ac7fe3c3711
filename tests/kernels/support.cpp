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
  using quant::Type;
  static const Type types[] = {Type::f32,    Type::f16,     Type::bf16,  Type::q8_0,    Type::q4_0,
                               Type::q4_1,   Type::q5_0,    Type::q5_1,  Type::q2_k,    Type::q3_k,
                               Type::q4_k,   Type::q5_k,    Type::q6_k,  Type::mxfp4,   Type::iq4_nl,
                               Type::iq4_xs, Type::iq1_s,   Type::iq1_m, Type::iq2_xxs, Type::iq2_xs,
                               Type::iq2_s,  Type::iq3_xxs, Type::iq3_s};
  return types;
}

namespace {

/// Where in a block of this type the F16 scales (and minima) lie.
std::vector<std::size_t> scale_offsets(quant::Type type) {
  using quant::Type;
  switch (type) {
    case Type::q4_1:
    case Type::q5_1:
    case Type::q4_k:
    case Type::q5_k:
      return {0, 2};
    case Type::q2_k:
      return {80, 82};
    case Type::q3_k:
      return {108};
    case Type::q6_k:
      return {208};
    default:
      return {0};
  }
}

/// Four bits of it in the highest of each of the block's last four words.
void put_iq1_m_scale(std::byte* block, std::uint16_t half) {
  for (std::size_t i = 0; i < 4; ++i) {
    std::byte& high = block[48 + 2 * i + 1];
    high = (high & std::byte{15}) | static_cast<std::byte>(half >> (4 * i) << 4);
  }
}

}  // namespace

std::vector<std::byte> random_weights(quant::Type type, std::int64_t n, Random& random, bool wild) {
  const quant::Format& format = quant::format(type);
  std::vector<std::byte> bytes(format.bytes(n));
  const std::size_t blocks = bytes.size() / format.block_bytes;
  const auto random_float = [&] {
    return (wild ? wild_floats(1, random) : random_floats(1, random)).front();
  };
  // Wild ones are any F16 but infinities and NaNs.
  const auto random_half = [&] {
    return wild ? static_cast<std::uint16_t>(random() & 0xfbff) : quant::f32_to_f16(random_float());
  };
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (std::size_t block = 0; block < blocks; ++block) {
    std::byte* const to = bytes.data() + block * format.block_bytes;
    const auto put_half = [](std::byte* at, std::uint16_t half) { std::memcpy(at, &half, sizeof half); };
    if (type == quant::Type::f32) {
      const float value = random_float();
      std::memcpy(to, &value, sizeof value);
    } else if (type == quant::Type::bf16) {
      put_half(to, static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(random_float()) >> 16));
    } else if (type == quant::Type::mxfp4) {
      *to = static_cast<std::byte>(wild ? random() % 253 : 120 + random() % 8);  // 12·2^(252−128) is finite
    } else if (type == quant::Type::iq1_m) {
      put_iq1_m_scale(to, random_half());
    } else {
      for (const std::size_t offset : scale_offsets(type)) {
        put_half(to + offset, random_half());
      }
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
