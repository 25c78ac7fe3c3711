#include "model/transposed_part.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "quant/format.h"

namespace yoke::model {
namespace {

/// Random rows as they lie in a file.
class Rows final : public ops::RowSource {
 public:
  Rows(quant::Type type, std::int64_t rows, std::int64_t cols) : type_(type), rows_(rows), cols_(cols) {
    std::mt19937 random(31);
    std::normal_distribution<float> normal;
    std::vector<float> floats(static_cast<std::size_t>(rows * cols));
    for (float& value : floats) value = normal(random);
    bytes_.resize(quant::format(type).bytes(rows * cols));
    quant::format(type).quantize(floats, bytes_);
  }
  void read(std::int64_t first, std::span<std::byte> to) const override {
    std::memcpy(to.data(), bytes_.data() + static_cast<std::size_t>(first) * slice().row_bytes(), to.size());
  }
  ops::Slice slice() const { return {.type = type_, .rows = rows_, .cols = cols_, .source = this}; }
  std::vector<float> values() const {
    std::vector<float> floats(static_cast<std::size_t>(rows_ * cols_));
    quant::format(type_).dequantize(bytes_, floats);
    return floats;
  }

 private:
  quant::Type type_;
  std::int64_t rows_, cols_;
  std::vector<std::byte> bytes_;
};

TEST(TransposedPart, HasEveryValueOfTheRowsInItsPlaceWithoutRounding) {
  for (const quant::Type type : {quant::Type::f32, quant::Type::f16, quant::Type::bf16, quant::Type::q8_0,
                                 quant::Type::q4_0, quant::Type::q4_k}) {
    const Rows rows(type, 7, 256);
    const TransposedPart part(rows.slice());
    const ops::Slice slice = part.slice();
    const quant::Format& format = quant::format(slice.type);
    EXPECT_EQ(slice.rows, 256);
    EXPECT_EQ(slice.cols, 7);
    EXPECT_EQ(slice.type, quant::format(type).block_values == 1 ? type : quant::Type::f32);
    const std::vector<float> values = rows.values();
    // Row by row, as several threads might.
    for (std::int64_t row = 0; row < slice.rows; ++row) {
      std::vector<std::byte> bytes(slice.row_bytes());
      slice.source->read(row, bytes);
      std::vector<float> found(7);
      format.dequantize(bytes, found);
      for (std::int64_t col = 0; col < 7; ++col)
        ASSERT_EQ(found[static_cast<std::size_t>(col)], values[static_cast<std::size_t>(col * 256 + row)])
            << format.name;
    }
  }
}

TEST(TransposedPart, TellsItsBytesBeforeAnythingIsRead) {
  ops::Slice slice{.type = quant::Type::q8_0, .rows = 128, .cols = 512};
  EXPECT_EQ(transposed(slice).bytes(), 128 * 512 * 4u);
  slice.type = quant::Type::bf16;
  EXPECT_EQ(transposed(slice).bytes(), 128 * 512 * 2u);
}

}  // namespace
}  // namespace yoke::model
