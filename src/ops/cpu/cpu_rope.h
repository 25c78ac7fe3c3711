// Rotary embedding of the CPU backend.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/view.h"
#include "ops/cpu/tools.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// The spec, and the sines and cosines of the positions of the steps under way.
class RopeTable final : public Storage {
 public:
  explicit RopeTable(const RopeSpec& spec) : spec_(spec) {}

  struct Angles {
    std::uint64_t step = 0;       // that these are of
    std::vector<float> cos, sin;  // (tokens, pairs)
  };

  /// Those of step number `step`, made at its first use. They last until two other steps have asked for
  /// theirs: two may be under way.
  const Angles& angles_of(std::uint64_t step, std::span<const std::int32_t> positions);
  /// Rotates each head, `head_dim` wide, of tokens [begin, end) of x.
  void rotate(MatrixView<float> x, std::int64_t begin, std::int64_t end, std::int64_t head_dim,
              const Angles& angles, const kernels::Kernels& kernels) const;

 private:
  std::int64_t pairs() const { return std::ssize(spec_.frequencies); }

  RopeSpec spec_;
  std::array<Angles, 2> angles_;
  std::size_t older_ = 0;  // which of them was made first
};

}  // namespace yoke::ops::cpu
