// The likeliest tokens of a row: found by each rank among its own, then merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/engine.h"

namespace yoke::runtime {

struct Candidate {
  Token token = 0;
  float logit = 0;
  bool operator==(const Candidate&) const = default;
};

/// The order of candidates: by descending logit, then by ascending token.
constexpr bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

/// The first n in that order (or all, where there are fewer) of the tokens first, first + 1, … that are not
/// forbidden. No logit is NaN or +∞.
std::vector<Candidate> best(std::span<const float> logits, Token first, std::size_t n);

/// All that are not forbidden, in that order.
std::vector<Candidate> ranked(std::span<const float> logits, Token first);

/// A row's tokens in order as far as they are known: every token that is not among them comes after.
struct Ranking {
  std::vector<Candidate> candidates;
  bool complete = false;  // there is no other token that is not forbidden
};

/// One rank's best, and whether it has others.
struct Share {
  std::vector<Candidate> candidates;
  bool complete = false;
};

/// What is known of the whole row by all ranks' shares: the order up to the first share's end that has
/// others behind it.
Ranking merge(std::span<const Share> shares);

}  // namespace yoke::runtime
