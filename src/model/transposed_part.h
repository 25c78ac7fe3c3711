// One rank's part of a tensor, transposed.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ops/ops.h"

namespace yoke::model {

/// The shape and format of what TransposedPart makes of `slice`, without a source. Floats keep their type.
/// Blocks lie along rows, so those of the transpose would have to be encoded anew, which loses precision:
/// what is quantised becomes F32.
ops::Slice transposed(const ops::Slice& slice);

/// The transpose of a slice of whole rows, read and decoded at once. Its bytes are not kept packed from one
/// start to the next.
class TransposedPart final : public ops::RowSource {
 public:
  /// The slice's format can be decoded. Throws Error where it cannot be read.
  explicit TransposedPart(const ops::Slice& slice);

  /// Reads from this.
  ops::Slice slice() const;
  void read(std::int64_t first, std::span<std::byte> to) const override;

 private:
  ops::Slice slice_;
  std::vector<std::byte> bytes_;
};

}  // namespace yoke::model
