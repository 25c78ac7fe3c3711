#include "quant/format.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>

#include "quant/blocks.h"
#include "quant/half.h"
#include "quant/iq_blocks.h"
#include "quant/k_blocks.h"
#include "quant/table_blocks.h"

namespace yoke::quant {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are used as they lie in the file");

// Tensor data may start at any byte, so blocks are copied, never cast.

template <class Block>
void dequantize_blocks(std::span<const std::byte> in, std::span<float> out) {
  assert(out.size() % Block::values == 0 && in.size() == out.size() / Block::values * sizeof(Block));
  for (std::size_t i = 0; i < out.size() / Block::values; ++i) {
    Block block;
    std::memcpy(&block, in.data() + i * sizeof(Block), sizeof(Block));
    decode(block, std::span<float, Block::values>(out.data() + i * Block::values, Block::values));
  }
}

template <class Block>
void quantize_blocks(std::span<const float> in, std::span<std::byte> out) {
  assert(in.size() % Block::values == 0 && out.size() == in.size() / Block::values * sizeof(Block));
  for (std::size_t i = 0; i < in.size() / Block::values; ++i) {
    Block block;
    encode(std::span<const float, Block::values>(in.data() + i * Block::values, Block::values), block);
    std::memcpy(out.data() + i * sizeof(Block), &block, sizeof(Block));
  }
}

template <float (*widen)(std::uint16_t)>
void dequantize_halves(std::span<const std::byte> in, std::span<float> out) {
  assert(in.size() == out.size() * sizeof(std::uint16_t));
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, in.data() + i * sizeof(half), sizeof(half));
    out[i] = widen(half);
  }
}

template <std::uint16_t (*narrow)(float)>
void quantize_halves(std::span<const float> in, std::span<std::byte> out) {
  assert(out.size() == in.size() * sizeof(std::uint16_t));
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::uint16_t half = narrow(in[i]);
    std::memcpy(out.data() + i * sizeof(half), &half, sizeof(half));
  }
}

void dequantize_f32(std::span<const std::byte> in, std::span<float> out) {
  assert(in.size() == out.size_bytes());
  if (!out.empty()) std::memcpy(out.data(), in.data(), in.size());
}

void quantize_f32(std::span<const float> in, std::span<std::byte> out) {
  assert(out.size() == in.size_bytes());
  if (!in.empty()) std::memcpy(out.data(), in.data(), out.size());
}

constexpr Format block_format(Type type, std::string_view name, std::int64_t values, std::size_t bytes) {
  return {type, name, values, bytes, nullptr, nullptr};
}

template <class Block>
constexpr Format decoded_format(Type type, std::string_view name) {
  return {type, name, Block::values, sizeof(Block), dequantize_blocks<Block>, nullptr};
}

template <class Block>
constexpr Format block_format(Type type, std::string_view name) {
  return {type, name, Block::values, sizeof(Block), dequantize_blocks<Block>, quantize_blocks<Block>};
}

// In order of the numbers, which find_format(number) relies on.
constexpr auto table = std::to_array<Format>({
    {Type::f32, "F32", 1, 4, dequantize_f32, quantize_f32},
    {Type::f16, "F16", 1, 2, dequantize_halves<f16_to_f32>, quantize_halves<f32_to_f16>},
    block_format<BlockQ4_0>(Type::q4_0, "Q4_0"),
    block_format<BlockQ4_1>(Type::q4_1, "Q4_1"),
    block_format<BlockQ5_0>(Type::q5_0, "Q5_0"),
    block_format<BlockQ5_1>(Type::q5_1, "Q5_1"),
    block_format<BlockQ8_0>(Type::q8_0, "Q8_0"),
    block_format(Type::q8_1, "Q8_1", 32, 36),
    block_format<BlockQ2_K>(Type::q2_k, "Q2_K"),
    block_format<BlockQ3_K>(Type::q3_k, "Q3_K"),
    block_format<BlockQ4_K>(Type::q4_k, "Q4_K"),
    block_format<BlockQ5_K>(Type::q5_k, "Q5_K"),
    block_format<BlockQ6_K>(Type::q6_k, "Q6_K"),
    block_format(Type::q8_k, "Q8_K", 256, 292),
    decoded_format<BlockIQ2_XXS>(Type::iq2_xxs, "IQ2_XXS"),
    decoded_format<BlockIQ2_XS>(Type::iq2_xs, "IQ2_XS"),
    decoded_format<BlockIQ3_XXS>(Type::iq3_xxs, "IQ3_XXS"),
    decoded_format<BlockIQ1_S>(Type::iq1_s, "IQ1_S"),
    decoded_format<BlockIQ4_NL>(Type::iq4_nl, "IQ4_NL"),
    decoded_format<BlockIQ3_S>(Type::iq3_s, "IQ3_S"),
    decoded_format<BlockIQ2_S>(Type::iq2_s, "IQ2_S"),
    decoded_format<BlockIQ4_XS>(Type::iq4_xs, "IQ4_XS"),
    block_format(Type::i8, "I8", 1, 1),
    block_format(Type::i16, "I16", 1, 2),
    block_format(Type::i32, "I32", 1, 4),
    block_format(Type::i64, "I64", 1, 8),
    block_format(Type::f64, "F64", 1, 8),
    decoded_format<BlockIQ1_M>(Type::iq1_m, "IQ1_M"),
    {Type::bf16, "BF16", 1, 2, dequantize_halves<bf16_to_f32>, quantize_halves<f32_to_bf16>},
    block_format(Type::tq1_0, "TQ1_0", 256, 54),
    block_format(Type::tq2_0, "TQ2_0", 256, 66),
    block_format<BlockMXFP4>(Type::mxfp4, "MXFP4"),
});

constexpr bool by_number(const Format& a, const Format& b) { return a.type < b.type; }
static_assert(std::is_sorted(table.begin(), table.end(), by_number));

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

const Format* find_format(std::uint32_t number) {
  const auto* const found = std::lower_bound(
      table.begin(), table.end(), number,
      [](const Format& entry, std::uint32_t n) { return static_cast<std::uint32_t>(entry.type) < n; });
  return found != table.end() && static_cast<std::uint32_t>(found->type) == number ? found : nullptr;
}

const Format* find_format(std::string_view name) {
  const auto same_letter = [](char a, char b) { return lower(a) == lower(b); };
  const auto* const found = std::find_if(table.begin(), table.end(), [&](const Format& entry) {
    return std::equal(entry.name.begin(), entry.name.end(), name.begin(), name.end(), same_letter);
  });
  return found != table.end() ? found : nullptr;
}

const Format& format(Type type) {
  const Format* const found = find_format(static_cast<std::uint32_t>(type));
  assert(found != nullptr);
  return *found;
}

std::span<const Format> formats() { return table; }

}  // namespace yoke::quant
