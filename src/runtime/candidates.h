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

/// Tokens in order as far as they are known, of a row or of one rank's part of it: every other token of that
/// comes after them.
struct Ranking {
  std::vector<Candidate> candidates;
  bool complete = false;  // there is no other token that is not forbidden
};

/// What is known of the whole row by the rankings of all its parts: the order up to the end of the first one
/// that has others behind it.
Ranking merge(std::span<const Ranking> parts);

}  // namespace yoke::runtime
