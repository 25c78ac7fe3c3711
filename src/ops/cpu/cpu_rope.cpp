#include "ops/cpu/cpu_rope.h"

#include <cassert>
#include <cmath>
#include <utility>

namespace yoke::ops::cpu {

const RopeTable::Angles& RopeTable::angles_of(std::uint64_t step, std::span<const std::int32_t> positions) {
  for (const Angles& angles : angles_) {
    if (angles.step == step) return angles;
  }
  Angles& made = angles_[std::exchange(older_, 1 - older_)];
  made.step = step;
  made.cos.clear();
  made.sin.clear();
  for (const std::int32_t position : positions) {
    for (const double frequency : spec_.frequencies) {
      const double angle = position * frequency;
      made.cos.push_back(static_cast<float>(std::cos(angle)) * spec_.magnitude);
      made.sin.push_back(static_cast<float>(std::sin(angle)) * spec_.magnitude);
    }
  }
  return made;
}

void RopeTable::rotate(MatrixView<float> x, std::int64_t begin, std::int64_t end, std::int64_t head_dim,
                       const Angles& angles, const kernels::Kernels& kernels) const {
  assert(2 * pairs() <= head_dim && x.cols % head_dim == 0);
  const std::int64_t first = spec_.at_end ? head_dim - 2 * pairs() : 0;
  const auto rotate_pairs =
      spec_.style == RopeStyle::interleaved ? kernels.rope_interleaved : kernels.rope_neox;
  for (std::int64_t t = begin; t < end; ++t) {
    for (std::int64_t head = 0; head < x.cols; head += head_dim) {
      rotate_pairs(x.row(t).data() + head + first, angles.cos.data() + t * pairs(),
                   angles.sin.data() + t * pairs(), pairs());
    }
  }
}

}  // namespace yoke::ops::cpu
