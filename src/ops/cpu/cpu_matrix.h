// The matrices that the CPU backend multiplies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "kernels/kernels.h"
#include "ops/cpu/cpu_weights.h"
#include "ops/cpu/tools.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// What a matrix is multiplied with: floats and, once a matrix has asked for them, the same as bytes.
struct Operand {
  const float* floats = nullptr;  // (tokens, width)
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  const kernels::ActivationBlock* blocks = nullptr;
  std::int64_t block_stride = 0;  // of them between two tokens

  /// Makes the bytes, where there are none yet; width is a multiple of 32.
  void quantize(const Tools& tools);
  /// Widens each token by so many zeros at its two ends.
  void pad(std::int64_t before, std::int64_t after, const Tools& tools);
};

/// Part of a product: rows [begin, end) of y = W·x for every token, y being (tokens, stride).
class WeightMatrix : public Storage {
 public:
  /// Rows that are computed together: threads take multiples of them.
  virtual std::int64_t grain() const = 0;
  /// Makes of x, which has `cols` values per token, what multiply() reads. What one matrix makes of x others
  /// find there: only a matrix that is multiplied alone may widen it.
  virtual void prepare(Operand& x, const Tools& tools) const = 0;
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
/// The products of several matrices with one operand, in one parallel region.
void multiply(std::span<const Product> products, Operand& x, const Tools& tools);

/// Of matrices of as many rows; the biases have a value for each, or are null.
struct GatedProduct {
  Product gate, up;
  const float* gate_bias;
  const float* up_bias;
};
/// gate.y = silu(gate·x + gate_bias) ⊙ (up·x + up_bias), in one parallel region; up.y is overwritten.
void multiply_gated(const GatedProduct& product, Operand& x, const Tools& tools);

}  // namespace yoke::ops::cpu
