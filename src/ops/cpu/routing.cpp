#include "ops/cpu/routing.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>

namespace yoke::ops::cpu {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

/// y = softmax(x)
void softmax(const kernels::Kernels& kernels, const float* x, std::int64_t n, float* y) {
  const float most = *std::max_element(x, x + n);
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] - most;
  kernels.exp(y, y, n);
  const float sum = kernels.sum(y, n);
  for (std::int64_t i = 0; i < n; ++i) y[i] /= sum;
}

/// Chooses for one token after the other.
class Chooser {
 public:
  Chooser(std::int64_t experts, const RouteSpec& spec, const float* bias, const kernels::Kernels& kernels)
      : spec_(spec),
        bias_(bias),
        kernels_(kernels),
        probability_(static_cast<std::size_t>(experts)),
        rank_(probability_.size()),
        order_(probability_.size()) {}

  /// `spec.used` experts and their weights.
  void choose(const float* scores, std::int32_t* experts, float* weights) {
    const auto n = static_cast<std::int64_t>(probability_.size());
    compare(scores, n);
    if (spec_.probability == RouteSpec::Probability::sparse_mixer) return mix_sparsely(experts, weights);
    if (spec_.groups > 1) drop_groups();
    std::iota(order_.begin(), order_.end(), 0);
    std::partial_sort(
        order_.begin(), order_.begin() + spec_.used, order_.end(),
        [&](std::int32_t a, std::int32_t b) { return rank_[a] != rank_[b] ? rank_[a] > rank_[b] : a < b; });
    for (std::int64_t i = 0; i < spec_.used; ++i) {
      experts[i] = order_[i];
      weights[i] = probability_[order_[i]];
    }
    weigh(weights);
  }

 private:
  /// Fills what weights are made of, and what is compared.
  void compare(const float* scores, std::int64_t n) {
    switch (spec_.probability) {
      case RouteSpec::Probability::softmax:
        softmax(kernels_, scores, n, probability_.data());
        break;
      case RouteSpec::Probability::sigmoid:
        kernels_.sigmoid(scores, probability_.data(), n);
        break;
      case RouteSpec::Probability::softmax_of_chosen:
      case RouteSpec::Probability::sigmoid_of_chosen:
      case RouteSpec::Probability::sparse_mixer:
        std::copy_n(scores, n, probability_.data());
    }
    for (std::int64_t e = 0; e < n; ++e) {
      rank_[e] = bias_ == nullptr ? probability_[e] : probability_[e] + bias_[e];
      if (std::isnan(rank_[e])) rank_[e] = minus_infinity;
    }
  }

  /// One expert after the other, each weighed among those that are left.
  void mix_sparsely(std::int32_t* experts, float* weights) {
    std::vector<float> rivals(rank_.size());
    for (std::int64_t i = 0; i < spec_.used; ++i) {
      const auto best = std::max_element(rank_.begin(), rank_.end());
      for (std::size_t e = 0; e < rank_.size(); ++e) {
        const float behind = (*best - rank_[e]) / std::max(std::abs(rank_[e]), *best);
        rivals[e] = behind > spec_.tolerance ? minus_infinity : rank_[e];
      }
      softmax(kernels_, rivals.data(), std::ssize(rivals), rivals.data());
      experts[i] = static_cast<std::int32_t>(best - rank_.begin());
      weights[i] = rivals[experts[i]] * spec_.scale;
      *best = minus_infinity;
    }
  }

  /// Nothing of the groups that are not among the best can be chosen.
  void drop_groups() {
    const auto size = static_cast<std::int64_t>(rank_.size()) / spec_.groups;
    std::vector<float> best(static_cast<std::size_t>(spec_.groups));
    std::vector<float> members;
    for (std::int64_t g = 0; g < spec_.groups; ++g) {
      members.assign(rank_.begin() + g * size, rank_.begin() + (g + 1) * size);
      const std::int64_t deciding = std::min(spec_.group_deciders, size);
      std::partial_sort(members.begin(), members.begin() + deciding, members.end(), std::greater<>());
      best[g] = std::accumulate(members.begin(), members.begin() + deciding, 0.0f);
    }
    std::vector<std::int64_t> order(best.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t a, std::int64_t b) { return best[a] > best[b]; });
    for (std::int64_t i = spec_.groups_used; i < spec_.groups; ++i)
      std::fill_n(rank_.begin() + order[i] * size, size, minus_infinity);
  }

  void weigh(float* weights) const {
    if (spec_.probability == RouteSpec::Probability::softmax_of_chosen)
      softmax(kernels_, weights, spec_.used, weights);
    if (spec_.probability == RouteSpec::Probability::sigmoid_of_chosen)
      kernels_.sigmoid(weights, weights, spec_.used);
    if (spec_.normalised) {
      constexpr float least = 0x1p-14f;  // where all of them are tiny, they stay so
      const float sum = std::max(std::accumulate(weights, weights + spec_.used, 0.0f), least);
      for (std::int64_t i = 0; i < spec_.used; ++i) weights[i] /= sum;
    }
    for (std::int64_t i = 0; i < spec_.used; ++i) weights[i] *= spec_.scale;
  }

  const RouteSpec& spec_;
  const float* bias_;
  const kernels::Kernels& kernels_;
  std::vector<float> probability_;
  std::vector<float> rank_;  // what is compared
  std::vector<std::int32_t> order_;
};

/// Sorts (tokens, used) choices by expert.
RoutedTokens by_expert(const std::vector<std::int32_t>& experts, const std::vector<float>& weights,
                       std::int64_t used, std::int64_t n_experts) {
  std::vector<std::int64_t> next(static_cast<std::size_t>(n_experts) + 1);  // slot of each expert
  for (const std::int32_t e : experts) ++next[e + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  RoutedTokens routed;
  for (std::int64_t e = 0; e < n_experts; ++e) {
    if (next[e] < next[e + 1]) routed.groups.push_back({e, next[e], next[e + 1] - next[e]});
  }
  routed.tokens.resize(experts.size());
  routed.weights.resize(experts.size());
  for (std::size_t i = 0; i < experts.size(); ++i) {
    const std::int64_t slot = next[experts[i]]++;
    routed.tokens[slot] = static_cast<std::int32_t>(static_cast<std::int64_t>(i) / used);
    routed.weights[slot] = weights[i];
  }
  return routed;
}

}  // namespace

RoutedTokens route(const float* scores, std::int64_t tokens, std::int64_t experts, const RouteSpec& spec,
                   const float* selection_bias, const Tools& tools) {
  assert(spec.used >= 1 && spec.used <= experts && experts % spec.groups == 0);
  assert(spec.groups_used >= 1 && spec.groups_used * (experts / spec.groups) >= spec.used);
  std::vector<std::int32_t> chosen(static_cast<std::size_t>(tokens * spec.used));
  std::vector<float> weights(chosen.size());
  tools.pool.split(tokens, 1, [&](std::int64_t begin, std::int64_t end) {
    Chooser chooser(experts, spec, selection_bias, tools.kernels);
    for (std::int64_t t = begin; t < end; ++t)
      chooser.choose(scores + t * experts, chosen.data() + t * spec.used, weights.data() + t * spec.used);
  });
  return by_expert(chosen, weights, spec.used, experts);
}

}  // namespace yoke::ops::cpu
