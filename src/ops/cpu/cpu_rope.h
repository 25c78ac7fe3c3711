// Rotary embedding of the CPU backend.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/view.h"
#include "ops/cpu/tools.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// The spec, and the sines and cosines of the current step's positions.
class RopeTable final : public Storage {
 public:
  explicit RopeTable(const RopeSpec& spec) : spec_(spec) {}

  /// Makes them for step number `step`, at its first use.
  void prepare(std::uint64_t step, std::span<const std::int32_t> positions);
  /// Rotates each head, `head_dim` wide, of tokens [begin, end) of x.
  void rotate(MatrixView<float> x, std::int64_t begin, std::int64_t end, std::int64_t head_dim,
              const kernels::Kernels& kernels) const;

 private:
  std::int64_t pairs() const { return std::ssize(spec_.frequencies); }

  RopeSpec spec_;
  std::uint64_t step_ = 0;        // the step that these are of
  std::vector<float> cos_, sin_;  // (tokens, pairs)
};

}  // namespace yoke::ops::cpu
