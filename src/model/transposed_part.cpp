#include "model/transposed_part.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace yoke::model {
namespace {

bool is_float(quant::Type type) { return quant::format(type).block_values == 1; }

/// The slice's values as elements of the transpose's type, row by row.
std::vector<std::byte> elements_of(const ops::Slice& slice) {
  std::vector<std::byte> bytes(slice.bytes());
  slice.source->read(0, bytes);
  if (is_float(slice.type)) return bytes;
  std::vector<float> values(static_cast<std::size_t>(slice.rows * slice.cols));
  quant::format(slice.type).dequantize(bytes, values);
  const std::span<const std::byte> decoded = std::as_bytes(std::span(values));
  return {decoded.begin(), decoded.end()};
}

}  // namespace

ops::Slice transposed(const ops::Slice& slice) {
  return {
      .type = is_float(slice.type) ? slice.type : quant::Type::f32, .rows = slice.cols, .cols = slice.rows};
}

TransposedPart::TransposedPart(const ops::Slice& slice) : slice_(transposed(slice)), bytes_(slice_.bytes()) {
  assert(slice.cols_before() == 0 && slice.cols_after() == 0);
  const std::vector<std::byte> elements = elements_of(slice);
  const std::size_t size = quant::format(slice_.type).block_bytes;
  for (std::int64_t row = 0; row < slice.rows; ++row) {
    for (std::int64_t col = 0; col < slice.cols; ++col) {
      std::memcpy(bytes_.data() + static_cast<std::size_t>(col * slice.rows + row) * size,
                  elements.data() + static_cast<std::size_t>(row * slice.cols + col) * size, size);
    }
  }
}

ops::Slice TransposedPart::slice() const {
  ops::Slice slice = slice_;
  slice.source = this;
  return slice;
}

void TransposedPart::read(std::int64_t first, std::span<std::byte> to) const {
  std::copy_n(bytes_.begin() + first * static_cast<std::int64_t>(slice_.row_bytes()), to.size(), to.begin());
}

}  // namespace yoke::model
