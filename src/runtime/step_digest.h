// What each rank has been told and has computed, in a few bytes: ranks that disagree must not go on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/view.h"
#include "model/batch.h"
#include "runtime/place.h"

namespace yoke::runtime {

/// Of all steps so far. Ranks that were told the same and computed the same bits have the same; of others it
/// is another, but for one pair in 2^64.
class StepDigest {
 public:
  void add(const model::Batch& batch);
  /// What all ranks have of a step's wanted rows: (rows, width).
  void add(MatrixView<const float> rows);
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

/// The sentence that names who has computed otherwise, where not all of `digests`, one of each rank, are the
/// same. `places` are those of all ranks, in order.
std::optional<std::string> disagreement(std::span<const std::uint64_t> digests,
                                        std::span<const Place> places);

}  // namespace yoke::runtime
