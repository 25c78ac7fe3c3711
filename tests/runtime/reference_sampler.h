// Sampling as its definition in engine.h reads: over a whole row, in double precision, one knob after the
// other.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "runtime/engine.h"
#include "runtime/sampler.h"

namespace yoke::runtime {

/// Bias and penalties; each is rounded to float32, as logits are.
inline std::vector<float> reference_logits(std::vector<float> logits, const Sampling& sampling,
                                           const std::map<Token, std::int32_t>& recent) {
  for (const TokenBias& bias : sampling.bias) logits[bias.token] += bias.bias;
  for (const auto& [token, count] : recent) {
    double logit = logits[token];
    if (std::isinf(logit)) continue;
    const double repetition = sampling.repetition_penalty;
    logit = logit > 0 ? logit / repetition : logit * repetition;
    logit -= static_cast<double>(sampling.presence_penalty);
    logit -= static_cast<double>(sampling.frequency_penalty) * count;
    logits[token] = static_cast<float>(logit);
  }
  return logits;
}

struct ReferenceToken {
  Token token = 0;
  /// A border or the draw was so near that float32 may decide otherwise.
  bool close = false;
};

class ReferenceSampler {
 public:
  ReferenceSampler(const std::vector<float>& logits, const Sampling& sampling) : sampling_(sampling) {
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (!std::isinf(logits[i])) tokens_.push_back({static_cast<Token>(i), logits[i], 0});
    }
    std::stable_sort(tokens_.begin(), tokens_.end(),
                     [](const Entry& a, const Entry& b) { return a.logit > b.logit; });
  }

  ReferenceToken sample(std::int32_t position) {
    if (sampling_.temperature == 0) return {tokens_.front().token, false};
    const double most = tokens_.front().logit;
    for (Entry& entry : tokens_) {
      entry.p =
          std::exp((static_cast<double>(entry.logit) - most) / static_cast<double>(sampling_.temperature));
    }
    if (sampling_.top_k > 0 && static_cast<std::size_t>(sampling_.top_k) < tokens_.size())
      tokens_.resize(static_cast<std::size_t>(sampling_.top_k));
    normalise();
    if (sampling_.typical_p < 1) typical();
    if (sampling_.top_p < 1) likeliest();
    if (sampling_.min_p > 0) within();
    return draw(position);
  }

 private:
  struct Entry {
    Token token;
    float logit;
    double p;
  };
  static constexpr double near = 1e-6;

  void normalise() {
    double sum = 0;
    for (const Entry& entry : tokens_) sum += entry.p;
    for (Entry& entry : tokens_) entry.p /= sum;
  }

  void typical() {
    double entropy = 0;
    for (const Entry& entry : tokens_) entropy -= entry.p > 0 ? entry.p * std::log(entry.p) : 0;
    const auto oddness = [&](const Entry& entry) { return std::abs(-std::log(entry.p) - entropy); };
    std::vector<Entry> sorted = tokens_;
    std::sort(sorted.begin(), sorted.end(),
              [&](const Entry& a, const Entry& b) { return oddness(a) < oddness(b); });
    double mass = 0;
    std::size_t n = 0;
    while (n < sorted.size() && mass < static_cast<double>(sampling_.typical_p)) {
      mass += sorted[n++].p;
      note(mass, static_cast<double>(sampling_.typical_p));
    }
    const double oddest = oddness(sorted[n - 1]);
    std::vector<Entry> kept;
    for (const Entry& entry : tokens_) {
      const double difference = oddness(entry) - oddest;
      // Of the same logit means equally odd; others so near may be kept or not.
      if (std::abs(difference) < 10 * near && entry.logit != sorted[n - 1].logit) close_ = true;
      if (difference <= 0 || entry.logit == sorted[n - 1].logit) kept.push_back(entry);
    }
    tokens_ = kept;
    normalise();
  }

  void likeliest() {
    double mass = 0;
    std::size_t n = 0;
    while (n < tokens_.size() && mass < static_cast<double>(sampling_.top_p)) {
      mass += tokens_[n++].p;
      note(mass, static_cast<double>(sampling_.top_p));
    }
    tokens_.resize(n);
    normalise();
  }

  void within() {
    const double least = static_cast<double>(sampling_.min_p) * tokens_.front().p;
    for (const Entry& entry : tokens_) {
      if (std::abs(entry.p / least - 1) < 10 * near) close_ = true;
    }
    std::erase_if(tokens_, [&](const Entry& entry) { return entry.p < least; });
    normalise();
  }

  ReferenceToken draw(std::int32_t position) {
    const double drawn =
        static_cast<double>(random_number(sampling_.seed, static_cast<std::uint64_t>(position))) * 0x1p-53;
    double sum = 0;
    for (const Entry& entry : tokens_) {
      sum += entry.p;
      note(sum, drawn);
      if (sum > drawn) return {entry.token, close_};
    }
    return {tokens_.back().token, true};
  }

  void note(double value, double border) { close_ = close_ || std::abs(value - border) < near; }

  Sampling sampling_;
  std::vector<Entry> tokens_;
  bool close_ = false;
};

/// Rows as models have them: a few likely tokens above a wide body. Some logits are equal.
inline std::vector<float> random_row(std::size_t n, float spread, std::mt19937& random) {
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> logits(n);
  for (float& logit : logits) logit = std::round(normal(random) * 64) / 64;
  for (int i = 0; i < 5; ++i) logits[random() % n] += 2 * spread;
  return logits;
}

/// Every knob alone and all kinds of them together.
inline Sampling random_sampling(std::mt19937& random, std::int32_t vocabulary) {
  const auto one_of = [&random](std::initializer_list<float> values) {
    return *(values.begin() + random() % values.size());
  };
  Sampling sampling;
  sampling.temperature = one_of({0, 0.3f, 0.7f, 1, 1, 1.7f, 5});
  sampling.seed = random();
  if (random() % 3 == 0) sampling.top_k = static_cast<std::int32_t>(one_of({1, 2, 40, 300, 3000, 1e6f}));
  if (random() % 3 == 0) sampling.typical_p = one_of({0.1f, 0.5f, 0.9f, 0.99f});
  if (random() % 3 == 0) sampling.top_p = one_of({0.05f, 0.5f, 0.9f, 0.999f});
  if (random() % 3 == 0) sampling.min_p = one_of({0.0001f, 0.02f, 0.1f, 0.5f});
  if (random() % 3 == 0) {
    sampling.repetition_penalty = one_of({0.5f, 1.1f, 2});
    sampling.presence_penalty = one_of({-1, 0, 0.5f});
    sampling.frequency_penalty = one_of({-0.5f, 0, 0.25f});
  }
  for (Token token = static_cast<Token>(random() % 7); random() % 3 != 0 && token < vocabulary;
       token += 1 + static_cast<Token>(random() % 50)) {
    sampling.bias.push_back({token, one_of({-std::numeric_limits<float>::infinity(), -3, 0.5f, 8})});
  }
  return sampling;
}

}  // namespace yoke::runtime
