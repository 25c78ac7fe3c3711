// Which algorithm sums vectors of which length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "comm/reduction_plan.h"

namespace yoke::comm {

class AlgorithmChoice {
 public:
  /// From so many bytes on, up to where the next begins.
  struct From {
    std::uint64_t bytes = 0;
    Algorithm algorithm{};
    bool operator==(const From&) const = default;
  };

  /// What is mostly right where nothing has been measured.
  AlgorithmChoice() : AlgorithmChoice({{0, Algorithm::direct}, {32 * 1024 + 1, Algorithm::pieces}}) {}
  explicit AlgorithmChoice(Algorithm always) : AlgorithmChoice({{0, always}}) {}
  /// The first begins at 0, the others above the one before. Throws Error where they do not.
  explicit AlgorithmChoice(std::vector<From> ranges);
  /// "direct", or "direct,pieces:32769": from there on. Throws Error for anything else.
  static AlgorithmChoice parse(std::string_view text);

  /// Of a vector of so many bytes, as it travels.
  Algorithm of(std::uint64_t bytes) const;
  const std::vector<From>& ranges() const { return ranges_; }
  /// As parse() reads it.
  std::string text() const;
  bool operator==(const AlgorithmChoice&) const = default;

 private:
  std::vector<From> ranges_;
};

}  // namespace yoke::comm
