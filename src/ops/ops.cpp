#include "ops/ops.h"

namespace yoke::ops {

std::size_t Slice::row_bytes() const { return quant::format(type).bytes(cols); }

std::uint64_t Slice::bytes() const { return static_cast<std::uint64_t>(rows) * row_bytes(); }

}  // namespace yoke::ops
