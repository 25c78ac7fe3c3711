#include "runtime/sampler.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>
#include <vector>

namespace yoke::runtime {
namespace {

constexpr int random_bits = 53;

/// The tokens that may still be drawn: those listed, in the order of candidates, and, unless `complete`,
/// some that come after them.
class Choice {
 public:
  Choice(std::vector<TokenOdds> tokens, bool complete, const Sums& sums)
      : tokens_(std::move(tokens)), complete_(complete), sums_(sums) {
    if (complete_) add_up();
  }

  // Each narrows the choice, and returns false where it cannot tell how.

  bool keep_top(std::size_t k) {
    if (!complete_ && k > tokens_.size()) return false;
    keep(0, std::min(k, tokens_.size()));
    return true;
  }

  bool keep_typical(double mass) {
    const double mean = static_cast<double>(sums_.odds_by_distance) / static_cast<double>(sums_.odds);
    const auto oddness = [&](std::size_t i) {
      return std::abs(static_cast<double>(tokens_[i].distance) - mean);
    };
    // Distances ascend, so the most typical lie side by side: they grow from where the mean is.
    const auto middle = std::partition_point(tokens_.begin(), tokens_.end(), [&](const TokenOdds& token) {
      return static_cast<double>(token.distance) < mean;
    });
    auto begin = static_cast<std::size_t>(middle - tokens_.begin());
    std::size_t end = begin;
    const double wanted = mass * static_cast<double>(sums_.odds);
    std::uint64_t odds = 0;
    double oddest = 0;
    while (static_cast<double>(odds) < wanted && (begin > 0 || end < tokens_.size())) {
      const bool likelier = end == tokens_.size() || (begin > 0 && oddness(begin - 1) <= oddness(end));
      const std::size_t next = likelier ? --begin : end++;
      odds += tokens_[next].sums.odds;
      oddest = oddness(next);
    }
    while (begin > 0 && oddness(begin - 1) <= oddest) --begin;
    while (end < tokens_.size() && oddness(end) <= oddest) ++end;
    // A token that is not listed has at least the last one's distance.
    const bool last_is_odder = static_cast<double>(tokens_.back().distance) - mean > oddest;
    if (!complete_ && (static_cast<double>(odds) < wanted || !last_is_odder)) return false;
    keep(begin, end);
    return true;
  }

  bool keep_likeliest(double mass) {
    const double wanted = mass * static_cast<double>(sums_.odds);
    std::uint64_t odds = 0;
    std::size_t n = 0;
    while (n < tokens_.size() && static_cast<double>(odds) < wanted) odds += tokens_[n++].sums.odds;
    if (!complete_ && static_cast<double>(odds) < wanted) return false;
    keep(0, n);
    return true;
  }

  bool keep_within(double farthest) {
    const double limit = static_cast<double>(tokens_.front().distance) + farthest;
    const auto end = std::partition_point(tokens_.begin(), tokens_.end(), [&](const TokenOdds& token) {
      return static_cast<double>(token.distance) <= limit;
    });
    if (!complete_ && end == tokens_.end()) return false;
    keep(0, static_cast<std::size_t>(end - tokens_.begin()));
    return true;
  }

  std::optional<Token> draw(std::uint64_t random) const {
    __extension__ using Wide = unsigned __int128;
    const auto drawn = static_cast<std::uint64_t>(Wide{random} * sums_.odds >> random_bits);
    std::uint64_t odds = 0;
    for (const TokenOdds& token : tokens_) {
      odds += token.sums.odds;
      if (odds > drawn) return token.token;
    }
    return std::nullopt;
  }

 private:
  /// Only tokens [begin, end) are left, and no others.
  void keep(std::size_t begin, std::size_t end) {
    tokens_.erase(tokens_.begin() + static_cast<std::ptrdiff_t>(end), tokens_.end());
    tokens_.erase(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(begin));
    complete_ = true;
    add_up();
  }

  void add_up() {
    sums_ = {};
    for (const TokenOdds& token : tokens_) sums_ += token.sums;
  }

  std::vector<TokenOdds> tokens_;
  bool complete_;
  Sums sums_;  // over all tokens that may be drawn, listed or not
};

bool narrow(Choice& choice, const Sampling& sampling) {
  if (sampling.top_k > 0 && !choice.keep_top(static_cast<std::size_t>(sampling.top_k))) return false;
  if (sampling.typical_p < 1 && !choice.keep_typical(static_cast<double>(sampling.typical_p))) return false;
  if (sampling.top_p < 1 && !choice.keep_likeliest(static_cast<double>(sampling.top_p))) return false;
  return sampling.min_p <= 0 || choice.keep_within(-std::log(static_cast<double>(sampling.min_p)));
}

}  // namespace

std::int32_t candidates_worth_gathering(const Sampling& sampling) {
  constexpr std::int32_t most = 1024;  // 8 KB
  constexpr std::int32_t usual = 256;
  if (sampling.temperature <= 0) return 1;
  return sampling.top_k == 0 ? usual : std::min(sampling.top_k, most);
}

bool needs_sums(const Sampling& sampling) {
  if (sampling.temperature <= 0 || sampling.top_k > 0) return false;
  const bool only_min_p = sampling.min_p > 0 && sampling.top_p >= 1 && sampling.typical_p >= 1;
  return !only_min_p;
}

std::optional<Token> choose(const kernels::Kernels& kernels, const Ranking& ranking, const Sums& sums,
                            const Sampling& sampling, std::int32_t position) {
  assert(!ranking.candidates.empty());
  if (sampling.temperature <= 0) return ranking.candidates.front().token;
  Choice choice(odds_of(kernels, ranking.candidates, sampling.temperature), ranking.complete, sums);
  if (!narrow(choice, sampling)) return std::nullopt;
  return choice.draw(random_number(sampling.seed, static_cast<std::uint64_t>(position)));
}

Token choose_from_whole(const kernels::Kernels& kernels, std::span<const float> logits,
                        const Sampling& sampling, std::int32_t position) {
  // To rank all of a large vocabulary takes milliseconds, and seldom does more matter than its beginning.
  constexpr std::size_t beginning = 8192;
  if (logits.size() > beginning) {
    const Ranking part{best(logits, 0, beginning), false};
    Sums sums;
    if (needs_sums(sampling))
      sums = add_odds(kernels, logits, part.candidates.front().logit, sampling.temperature);
    if (const auto token = choose(kernels, part, sums, sampling, position)) return *token;
  }
  return choose(kernels, {ranked(logits, 0), true}, {}, sampling, position).value();
}

std::uint64_t random_number(std::uint64_t seed, std::uint64_t counter) {
  // SplitMix64 (Steele, Lea & Flood 2014), of the seed's hash xor the counter, so that neighbouring seeds
  // share no stretch.
  const auto mix = [](std::uint64_t z) {
    z += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  };
  return mix(mix(seed) ^ counter) >> (64 - random_bits);
}

}  // namespace yoke::runtime
