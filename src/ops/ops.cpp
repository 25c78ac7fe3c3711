#include "ops/ops.h"

namespace yoke::ops {

std::int64_t Slice::rows() const {
  std::int64_t total = 0;
  for (const Run& run : runs) total += run.rows;
  return total;
}

std::uint64_t Slice::bytes() const {
  return static_cast<std::uint64_t>(rows()) * quant::format(type).bytes(cols);
}

}  // namespace yoke::ops
