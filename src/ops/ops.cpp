#include "ops/ops.h"

namespace yoke::ops {

std::int64_t Slice::cols_before() const {
  return cols == 0 ? 0 : first_col % quant::format(type).block_values;
}

std::int64_t Slice::cols_after() const {
  const std::int64_t block = quant::format(type).block_values;
  return cols == 0 ? 0 : (block - (first_col + cols) % block) % block;
}

std::size_t Slice::row_bytes() const {
  return quant::format(type).bytes(cols_before() + cols + cols_after());
}

std::uint64_t Slice::bytes() const { return static_cast<std::uint64_t>(rows) * row_bytes(); }

}  // namespace yoke::ops
