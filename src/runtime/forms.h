// In which of two forms each position of a sequence is computed, where attention is latent.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/engine.h"

namespace yoke::runtime {

/// A position takes the expanded form if and only if its cell, counted from 0, lies wholly in a stretch that
/// was given at once. So its form does not depend on how a sequence is cut into steps, on what was known of
/// it, or on who else runs; and what was generated keeps the form that it was generated in, in whichever
/// request it comes again.
class Forms {
 public:
  /// All positions take the absorbed form.
  Forms() = default;
  /// `given`: as Request has it, but not empty. `cell`: positions, whole pages; 0: none is expanded.
  Forms(std::span<const Stretch> given, std::int32_t cell);

  bool expanded(std::int32_t position) const { return position < expanded_below(position); }
  /// Of the positions from `position` to next_change(position), those below this are expanded.
  std::int32_t expanded_below(std::int32_t position) const;
  /// The first position behind `position` at which expanded ones follow absorbed ones.
  std::int32_t next_change(std::int32_t position) const;

 private:
  std::vector<Stretch> expanded_;  // ascending and apart
};

}  // namespace yoke::runtime
