#include "model/file_type.h"

#include <cstdint>
#include <utility>

namespace yoke::model {
namespace {

using quant::Type;

// The numbers tell mixtures of K formats apart (small, medium, large); a file all of one format counts as
// small.
constexpr std::pair<Type, std::uint64_t> file_types[] = {
    {Type::f32, 0},    {Type::f16, 1},     {Type::q4_0, 2},     {Type::q4_1, 3},    {Type::q8_0, 7},
    {Type::q5_0, 8},   {Type::q5_1, 9},    {Type::q2_k, 10},    {Type::q3_k, 11},   {Type::q4_k, 14},
    {Type::q5_k, 16},  {Type::q6_k, 18},   {Type::iq2_xxs, 19}, {Type::iq2_xs, 20}, {Type::iq3_xxs, 23},
    {Type::iq1_s, 24}, {Type::iq4_nl, 25}, {Type::iq3_s, 26},   {Type::iq2_s, 28},  {Type::iq4_xs, 30},
    {Type::iq1_m, 31}, {Type::bf16, 32},   {Type::mxfp4, 38},
};

constexpr std::uint64_t quantization_version = 2;  // of the block formats as they are since May 2023

}  // namespace

void set_file_type(gguf::Metadata& metadata, Type type) {
  for (const auto& [listed, number] : file_types) {
    if (listed == type) metadata.set("general.file_type", number);
  }
  metadata.set("general.quantization_version", quantization_version);
}

namespace {

double bits_per_value(const quant::Format& format) {
  return 8.0 * static_cast<double>(format.block_bytes) / static_cast<double>(format.block_values);
}

}  // namespace

quant::Type fitting_type(quant::Type wanted, std::int64_t cols) {
  using quant::Type;
  const quant::Format& format = quant::format(wanted);
  if (cols % format.block_values == 0) return wanted;
  for (const Type type : {Type::q4_0, Type::q4_1, Type::q5_0, Type::q5_1, Type::q8_0}) {
    const quant::Format& other = quant::format(type);
    if (cols % other.block_values == 0 && bits_per_value(other) >= bits_per_value(format)) return type;
  }
  return Type::f16;
}

}  // namespace yoke::model
