// What one rendering may cost. A template comes with a model's file, hence from a stranger: whatever it does,
// time, memory and stack stay bounded.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"

namespace yoke::jinja {

/// Bounds that no template in use comes near.
struct Limits {
  /// One for every node evaluated, every element looked at and every 16 bytes made, all added up.
  std::uint64_t steps = 10'000'000;
  std::uint32_t nesting = 600;  // of statements, expressions and macros being evaluated
};

/// How deep lists and mappings may lie in each other, and syntax in syntax.
inline constexpr std::uint32_t max_depth = 64;

class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) {}

  /// Before the work is done, or the memory taken. Throws Error where the limit is reached.
  void spend(std::uint64_t steps) {
    require(steps <= limits_.steps - spent_, "this takes more than the {} steps that a template may take",
            limits_.steps);
    spent_ += steps;
  }
  void spend_bytes(std::size_t bytes) { spend(1 + bytes / 16); }

  /// Held while something is evaluated that may evaluate more. Throws Error where the limit is reached.
  class Nested {
   public:
    explicit Nested(Budget& budget) : budget_(budget) {
      require(budget.nested_ < budget.limits_.nesting,
              "this is nested more than {} levels deep, macros' calls included", budget.limits_.nesting);
      ++budget.nested_;
    }
    ~Nested() { --budget_.nested_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Budget& budget_;
  };

 private:
  Limits limits_;
  std::uint64_t spent_ = 0;
  std::uint32_t nested_ = 0;
};

}  // namespace yoke::jinja
