#include "runtime/candidates.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

namespace yoke::runtime {
namespace {

constexpr float forbidden = -std::numeric_limits<float>::infinity();
constexpr std::size_t lanes = 16;
constexpr std::size_t block = 16 * lanes;  // each lane has the maximum of 16 values

/// A number that n of the logits reach, and not many more than n where they are spread at random: the n-th
/// largest maximum of small groups. `n` ≥ 1.
float reached_by(std::span<const float> logits, std::size_t n) {
  std::vector<float> maxima;
  maxima.reserve(logits.size() / lanes);
  for (std::size_t begin = 0; begin + block <= logits.size(); begin += block) {
    std::array<float, lanes> most;
    std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(begin), lanes, most.begin());
    for (std::size_t i = begin + lanes; i < begin + block; i += lanes) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const float logit = logits[i + lane];
        most[lane] = logit > most[lane] ? logit : most[lane];
      }
    }
    maxima.insert(maxima.end(), most.begin(), most.end());
  }
  if (maxima.size() < n) return forbidden;
  const auto nth = maxima.begin() + static_cast<std::ptrdiff_t>(n - 1);
  std::nth_element(maxima.begin(), nth, maxima.end(), std::greater<>());
  return *nth;
}

/// A number that is the smaller the earlier a logit comes in the order of candidates.
std::uint32_t sort_key(float logit) {
  // −0 equals +0, so it must have its key.
  const auto bits = std::bit_cast<std::uint32_t>(logit == 0 ? 0.0f : logit);
  return (bits >> 31) != 0 ? bits : ~bits & 0x7fffffff;
}

}  // namespace

std::vector<Candidate> best(std::span<const float> logits, Token first, std::size_t n) {
  std::vector<Candidate> found;
  if (n == 0) return found;
  const float threshold = std::max(reached_by(logits, n), std::numeric_limits<float>::lowest());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= threshold) found.push_back({first + static_cast<Token>(i), logits[i]});
  }
  if (found.size() > n) {
    std::nth_element(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(n), found.end(), before);
    found.resize(n);
  }
  std::sort(found.begin(), found.end(), before);
  return found;
}

std::vector<Candidate> ranked(std::span<const float> logits, Token first) {
  // Radix sort from the lowest digit, which keeps the order of equals: that of their tokens.
  constexpr int digit_bits = 11;
  constexpr std::uint32_t digit_mask = (1U << digit_bits) - 1;
  std::vector<Candidate> from;
  from.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] != forbidden) from.push_back({first + static_cast<Token>(i), logits[i]});
  }
  std::vector<Candidate> to(from.size());
  for (int shift = 0; shift < 32; shift += digit_bits) {
    const auto digit = [shift](const Candidate& c) { return sort_key(c.logit) >> shift & digit_mask; };
    std::array<std::size_t, digit_mask + 2> begins{};
    for (const Candidate& candidate : from) ++begins[digit(candidate) + 1];
    for (std::size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
    for (const Candidate& candidate : from) to[begins[digit(candidate)]++] = candidate;
    std::swap(from, to);
  }
  return from;
}

Ranking merge(std::span<const Share> shares) {
  Ranking ranking;
  std::optional<Candidate> border;
  ranking.complete = true;
  for (const Share& share : shares) {
    const auto middle = std::ssize(ranking.candidates);
    ranking.candidates.insert(ranking.candidates.end(), share.candidates.begin(), share.candidates.end());
    std::inplace_merge(ranking.candidates.begin(), ranking.candidates.begin() + middle,
                       ranking.candidates.end(), before);
    if (share.complete) continue;
    ranking.complete = false;
    if (!border || before(share.candidates.back(), *border)) border = share.candidates.back();
  }
  if (border) {
    const auto end = std::upper_bound(ranking.candidates.begin(), ranking.candidates.end(), *border, before);
    ranking.candidates.erase(end, ranking.candidates.end());
  }
  return ranking;
}

}  // namespace yoke::runtime
