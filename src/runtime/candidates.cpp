#include "runtime/candidates.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <numeric>
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

/// Appends the tokens whose logits reach the threshold.
void collect(std::span<const float> logits, Token first, float threshold, std::vector<Candidate>& found) {
  const auto take = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      if (logits[i] >= threshold) found.push_back({first + static_cast<Token>(i), logits[i]});
    }
  };
  std::size_t begin = 0;
  for (; begin + lanes <= logits.size(); begin += lanes) {
    bool any = false;
    for (std::size_t lane = 0; lane < lanes; ++lane) any |= logits[begin + lane] >= threshold;
    if (any) take(begin, begin + lanes);
  }
  take(begin, logits.size());
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
  collect(logits, first, std::max(reached_by(logits, n), std::numeric_limits<float>::lowest()), found);
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
  constexpr std::size_t digits = 3;
  constexpr std::uint32_t digit_mask = (1U << digit_bits) - 1;
  const auto digit_of = [](float logit, std::size_t digit) {
    return sort_key(logit) >> digit * digit_bits & digit_mask;
  };
  std::vector<Candidate> from;
  from.reserve(logits.size());
  std::array<std::array<std::uint32_t, digit_mask + 2>, digits> begins{};
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == forbidden) continue;
    from.push_back({first + static_cast<Token>(i), logits[i]});
    for (std::size_t digit = 0; digit < digits; ++digit) ++begins[digit][digit_of(logits[i], digit) + 1];
  }
  std::vector<Candidate> to(from.size());
  for (std::size_t digit = 0; digit < digits; ++digit) {
    auto& next = begins[digit];
    std::partial_sum(next.begin(), next.end(), next.begin());
    for (const Candidate& candidate : from) to[next[digit_of(candidate.logit, digit)]++] = candidate;
    std::swap(from, to);
  }
  return from;
}

Ranking merge(std::span<const Ranking> parts) {
  Ranking ranking;
  std::optional<Candidate> border;
  ranking.complete = true;
  for (const Ranking& part : parts) {
    const auto middle = std::ssize(ranking.candidates);
    ranking.candidates.insert(ranking.candidates.end(), part.candidates.begin(), part.candidates.end());
    std::inplace_merge(ranking.candidates.begin(), ranking.candidates.begin() + middle,
                       ranking.candidates.end(), before);
    if (part.complete) continue;
    ranking.complete = false;
    if (!border || before(part.candidates.back(), *border)) border = part.candidates.back();
  }
  if (border) {
    const auto end = std::upper_bound(ranking.candidates.begin(), ranking.candidates.end(), *border, before);
    ranking.candidates.erase(end, ranking.candidates.end());
  }
  return ranking;
}

}  // namespace yoke::runtime
