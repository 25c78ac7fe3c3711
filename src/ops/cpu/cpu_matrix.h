// The matrices that the CPU backend multiplies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "kernels/kernels.h"
#include "ops/cpu/cpu_weights.h"
#include "ops/cpu/operand.h"
#include "ops/cpu/tools.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// Part of a product: rows [begin, end) of y = W·x for every token, tokens being `stride` floats apart in y.
class WeightMatrix : public Storage {
 public:
  /// Rows that are computed together: threads take multiples of them.
  virtual std::int64_t grain() const = 0;
  /// Whether multiply() reads floats, not bytes.
  virtual bool reads_floats() const = 0;
  /// Asks for what multiply() reads of x, which has `cols` values per token. What one matrix asks for others
  /// find there: only a matrix that is multiplied alone may widen it.
  virtual void prepare(Operand& x, const Tools& tools) const = 0;
  /// x is made. `y` is where the first token's row `begin` goes.
  virtual void multiply(const Operand& x, std::int64_t begin, std::int64_t end, float* y,
                        std::int64_t stride) const = 0;

  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

/// Packed into panels. Quantised weights are multiplied with bytes. Throws Error where it cannot be read.
std::unique_ptr<WeightMatrix> load_panels(const Slice& slice, const kernels::Kernels& kernels,
                                          ThreadPool& pool, WeightMemory& memory);
/// In the format of the file. Weights are multiplied with floats, whatever they are: the exact path.
std::unique_ptr<WeightMatrix> load_file_rows(const Slice& slice, const kernels::Kernels& kernels,
                                             ThreadPool& pool, WeightMemory& memory);

/// Bytes that load_panels() holds of a matrix.
std::uint64_t panel_matrix_bytes(const Slice& slice);

/// A matrix and where its product goes, (tokens, rows).
struct Product {
  const WeightMatrix* matrix;
  float* y;
};
/// The products of several matrices with one operand, which is made where it is not yet, in one parallel
/// region. So are the operands of the functions below.
void multiply(std::span<const Product> products, Operand& x, const Tools& tools);

/// Rows [begin, end) of one product; both are multiples of the matrix's grain, or the end of its rows.
void multiply_rows(const Product& product, Operand& x, std::int64_t begin, std::int64_t end,
                   const Tools& tools);

/// A matrix, an operand that it has prepared, and where the product goes, tokens `stride` floats apart.
struct PreparedProduct {
  const WeightMatrix* matrix;
  Operand x;
  float* y;
  std::int64_t stride;
};
/// All of them, of as many tokens each; `whole` is what their operands are parts of.
void multiply(std::span<const PreparedProduct> products, Operand& whole, const Tools& tools);

/// Of matrices of as many rows with an operand that both have prepared; the biases have a value for each row,
/// or are null.
struct GatedProduct {
  Product gate, up;
  const float* gate_bias;
  const float* up_bias;
  Operand* x;
};
/// gate.y = unit(gate·x + gate_bias, up·x + up_bias) of each; up.y is overwritten.
void multiply_gated(std::span<const GatedProduct> products, kernels::Kernels::GateMul unit,
                    const Tools& tools);

/// A matrix whose product is added to some rows of a sum, weighted.
struct WeightedProduct {
  const WeightMatrix* matrix;
  Operand* x;                // which the matrix has prepared
  const std::int32_t* rows;  // of the sum, one for each of x's tokens
  const float* weights;      // one for each of x's tokens
};
/// sum[row] += weight · W·x, in the order of the products: (…, width) floats, the width being every matrix's
/// rows.
void add_weighted(std::span<const WeightedProduct> products, std::int64_t width, float* sum,
                  const Tools& tools);

}  // namespace yoke::ops::cpu
