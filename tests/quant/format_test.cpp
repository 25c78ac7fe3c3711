#include "quant/format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "quant/blocks.h"
#include "quant/half.h"

namespace yoke::quant {
namespace {

std::vector<std::byte> read_golden(const std::string& name) {
  std::ifstream in(std::string(YOKE_TEST_DATA "/blocks/") + name, std::ios::binary);
  EXPECT_TRUE(in) << name;
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::byte> out(bytes.size());
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

constexpr std::size_t golden_values = 8 * 512;

std::vector<std::byte> golden_blocks(const Format& format) {
  std::vector<std::byte> blocks = read_golden(std::string(format.name) + ".bin");
  EXPECT_EQ(blocks.size(), format.bytes(golden_values));
  return blocks;
}

std::vector<float> dequantized(const Format& format, const std::vector<std::byte>& blocks) {
  std::vector<float> values(golden_values);
  format.dequantize(blocks, values);
  return values;
}

std::vector<std::byte> quantized(const Format& format, const std::vector<float>& values) {
  std::vector<std::byte> blocks(format.bytes(static_cast<std::int64_t>(values.size())));
  format.quantize(values, blocks);
  return blocks;
}

// Bytes of 4096 values, as the golden files of the formats have them.
TEST(Format, BlockGeometryIsThatOfTheGoldenFiles) {
  const std::vector<std::pair<Type, std::size_t>> sizes{
      {Type::f16, 8192},   {Type::bf16, 8192},   {Type::q4_0, 2304},    {Type::q4_1, 2560},
      {Type::q5_0, 2816},  {Type::q5_1, 3072},   {Type::q8_0, 4352},    {Type::q2_k, 1344},
      {Type::q3_k, 1760},  {Type::q4_k, 2304},   {Type::q5_k, 2816},    {Type::q6_k, 3360},
      {Type::iq1_m, 896},  {Type::iq1_s, 800},   {Type::iq2_s, 1312},   {Type::iq2_xs, 1184},
      {Type::iq3_s, 1760}, {Type::iq4_nl, 2304}, {Type::iq2_xxs, 1056}, {Type::iq3_xxs, 1568},
      {Type::mxfp4, 2176}, {Type::iq4_xs, 2176}};
  for (const auto& [type, bytes] : sizes)
    EXPECT_EQ(format(type).bytes(golden_values), bytes) << format(type).name;
}

// Types without golden data, from their definitions.
TEST(Format, BlockGeometryOfTheOtherTypes) {
  EXPECT_EQ(format(Type::f32).bytes(10), 40u);
  EXPECT_EQ(format(Type::f64).bytes(10), 80u);
  EXPECT_EQ(format(Type::i8).bytes(10), 10u);
  EXPECT_EQ(format(Type::i16).bytes(10), 20u);
  EXPECT_EQ(format(Type::i32).bytes(10), 40u);
  EXPECT_EQ(format(Type::i64).bytes(10), 80u);
  EXPECT_EQ(format(Type::q8_1).bytes(64), 2u * (2 + 2 + 32));
  EXPECT_EQ(format(Type::q8_k).bytes(512), 2u * (4 + 256 + 16 * 2));
  EXPECT_EQ(format(Type::tq1_0).bytes(512), 2u * (48 + 4 + 2));
  EXPECT_EQ(format(Type::tq2_0).bytes(512), 2u * (64 + 2));
}

TEST(Format, IsFoundByNumberAndByName) {
  ASSERT_EQ(formats().size(), 32u);
  for (const Format& entry : formats()) {
    EXPECT_EQ(&format(entry.type), &entry);
    EXPECT_EQ(find_format(static_cast<std::uint32_t>(entry.type)), &entry);
    EXPECT_EQ(find_format(entry.name), &entry);
    std::string lower(entry.name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    EXPECT_EQ(find_format(lower), &entry);
  }
  EXPECT_EQ(find_format("q4_K")->type, Type::q4_k);
}

TEST(Format, UnknownNumbersAndNamesAreNull) {
  // 4, 5, 31..33 and 36..38 were given up by the specification.
  for (const std::uint32_t number : {4u, 5u, 31u, 33u, 36u, 38u, 40u, 1000u, 0xffffffffu}) {
    EXPECT_EQ(find_format(number), nullptr) << number;
  }
  for (const char* name : {"", "Q8", "Q8_00", "Q8_", "fp16"}) EXPECT_EQ(find_format(name), nullptr) << name;
}

/// Types with golden data that are computed with.
constexpr Type golden_types[] = {Type::f16,     Type::bf16,  Type::q8_0,    Type::q4_0,   Type::q4_1,
                                 Type::q5_0,    Type::q5_1,  Type::q2_k,    Type::q3_k,   Type::q4_k,
                                 Type::q5_k,    Type::q6_k,  Type::iq4_nl,  Type::iq4_xs, Type::mxfp4,
                                 Type::iq1_s,   Type::iq1_m, Type::iq2_xxs, Type::iq2_xs, Type::iq2_s,
                                 Type::iq3_xxs, Type::iq3_s};
constexpr Type only_decoded_types[] = {Type::iq4_nl, Type::iq4_xs, Type::iq1_s,   Type::iq1_m, Type::iq2_xxs,
                                       Type::iq2_xs, Type::iq2_s,  Type::iq3_xxs, Type::iq3_s};

template <std::size_t n>
bool contains(const Type (&types)[n], Type type) {
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

TEST(Format, OnlyTheFormatsWithCodeHaveFunctions) {
  for (const Format& entry : formats()) {
    const bool decoded = entry.type == Type::f32 || contains(golden_types, entry.type);
    EXPECT_EQ(entry.dequantize != nullptr, decoded) << entry.name;
    EXPECT_EQ(entry.quantize != nullptr, decoded && !contains(only_decoded_types, entry.type)) << entry.name;
  }
}

TEST(Format, DecodesTheGoldenBlocksBitForBit) {
  for (const Type type : golden_types) {
    const Format& entry = format(type);
    const std::vector<float> values = dequantized(entry, golden_blocks(entry));
    const std::vector<std::byte> golden = read_golden(std::string(entry.name) + ".f32");
    ASSERT_EQ(golden.size(), values.size() * sizeof(float));
    EXPECT_EQ(std::memcmp(golden.data(), values.data(), golden.size()), 0) << entry.name;
  }
}

TEST(Format, PlainTypesEncodeTheGoldenValuesBackBitForBit) {
  for (const Type type : {Type::f16, Type::bf16}) {
    const Format& entry = format(type);
    const std::vector<std::byte> blocks = golden_blocks(entry);
    EXPECT_EQ(quantized(entry, dequantized(entry, blocks)), blocks) << entry.name;
  }
}

TEST(Format, F32IsACopyOfEveryBit) {
  std::mt19937 random(4);
  std::vector<float> values(1000);
  for (float& v : values) v = std::bit_cast<float>(static_cast<std::uint32_t>(random()));  // NaNs among them
  const Format& entry = format(Type::f32);
  const std::vector<std::byte> blocks = quantized(entry, values);
  EXPECT_EQ(std::memcmp(blocks.data(), values.data(), blocks.size()), 0);
  std::vector<float> back(values.size());
  entry.dequantize(blocks, back);
  EXPECT_EQ(std::memcmp(back.data(), values.data(), blocks.size()), 0);
}

/// Whether the block holds the quantum that the encoder gives its largest value, under a scale that f16 did
/// not round to zero: then the scale, and with it the whole block, must come back.
bool is_saturated(const BlockQ8_0& block) {
  return f16_to_f32(block.d) != 0 &&
         std::any_of(std::begin(block.q), std::end(block.q), [](int q) { return q == 127 || q == -127; });
}
bool is_saturated(const BlockQ4_0& block) {
  return f16_to_f32(block.d) != 0 && std::any_of(std::begin(block.q), std::end(block.q), [](int pair) {
           return (pair & 0xf) == 0 || pair >> 4 == 0;
         });
}

/// How far an encoder may be from a value: half a step of what it was to encode, plus the rounding of the
/// scale to f16; Q4_0's range is not symmetric, so values opposite the extreme lose up to a whole step.
template <class Block>
void expect_golden_round_trip(const Format& entry, double steps, int quanta, std::size_t expected_saturated) {
  const std::vector<std::byte> blocks = golden_blocks(entry);
  const std::vector<float> values = dequantized(entry, blocks);
  const std::vector<std::byte> again = quantized(entry, values);
  const std::vector<float> back = dequantized(entry, again);
  std::size_t saturated = 0;
  for (std::size_t b = 0; b < golden_values / Block::values; ++b) {
    Block block;
    std::memcpy(&block, blocks.data() + b * sizeof(Block), sizeof(Block));
    if (is_saturated(block)) {
      ++saturated;
      EXPECT_EQ(std::memcmp(again.data() + b * sizeof(Block), &block, sizeof(Block)), 0) << "block " << b;
    }
    const std::span<const float> in(values.data() + b * Block::values, Block::values);
    double largest = 0;
    for (const float v : in) largest = std::max(largest, std::abs(static_cast<double>(v)));
    const double step = largest / quanta;
    const double rounding = largest * 0x1p-11 + 0x1p-25 * quanta;
    for (std::size_t i = 0; i < in.size(); ++i) {
      EXPECT_LE(std::abs(back[b * Block::values + i] - in[i]), steps * step + rounding) << "block " << b;
    }
  }
  EXPECT_EQ(saturated, expected_saturated);
}

TEST(Format, Q8_0EncodesTheGoldenValuesBack) {
  expect_golden_round_trip<BlockQ8_0>(format(Type::q8_0), 0.5, 127, 120);
}

TEST(Format, Q4_0EncodesTheGoldenValuesBack) {
  expect_golden_round_trip<BlockQ4_0>(format(Type::q4_0), 1.0, 8, 93);
}

TEST(Format, UnalignedBlocksAreDecoded) {
  for (const Type type : golden_types) {
    const Format& entry = format(type);
    const std::vector<std::byte> aligned = golden_blocks(entry);
    std::vector<std::byte> shifted(1);
    shifted.insert(shifted.end(), aligned.begin(), aligned.end());
    std::vector<float> back(golden_values);
    entry.dequantize(std::span(shifted).subspan(1), back);
    EXPECT_EQ(back, dequantized(entry, aligned)) << entry.name;
  }
}

}  // namespace
}  // namespace yoke::quant
