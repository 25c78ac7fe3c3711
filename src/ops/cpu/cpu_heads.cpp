#include "ops/cpu/cpu_heads.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace yoke::ops::cpu {

void multiply_heads(std::span<const std::unique_ptr<WeightMatrix>> matrices, MatrixView<const float> x,
                    float* out, const Tools& tools) {
  const std::int64_t heads = std::ssize(matrices);
  const WeightMatrix& one = *matrices.front();
  const std::int64_t width = x.cols / heads, kept = width - one.cols;
  const std::int64_t out_width = one.rows + kept;
  // All heads of all tokens are one list to whoever makes bytes of them.
  Operand all{.floats = x.data, .tokens = x.rows * heads, .width = one.cols, .stride = width};
  one.prepare(all, tools);
  assert(all.stride == width);  // only rows that end inside a block are widened, and these are whole

  std::vector<PreparedProduct> products;
  for (std::int64_t head = 0; head < heads; ++head) {
    Operand part = all.tokens_from(head, x.rows);
    part.stride *= heads;
    part.block_stride *= heads;
    products.push_back(
        {matrices[static_cast<std::size_t>(head)].get(), part, out + head * out_width, heads * out_width});
  }
  multiply(products, all, tools);
  if (kept == 0) return;
  tools.pool.split(x.rows * heads, heads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      std::copy_n(x.data + i * width + one.cols, kept, out + i * out_width + one.rows);
  });
}

}  // namespace yoke::ops::cpu
