#include "measure/divergence.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/statistics.h"

namespace yoke::measure {

double kl_divergence(const SavedRow& saved, std::span<const float> logits) {
  assert(saved.steps.size() == logits.size() && !logits.empty());
  const double highest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  // Of the distributions as e^(how far below the highest logit), before they are divided by their sums.
  double saved_sum = 0, sum = 0, differences = 0;
  for (std::size_t token = 0; token < logits.size(); ++token) {
    const double saved_log = -static_cast<double>(saved.steps[token]) / steps_per_nat;
    const double log = static_cast<double>(logits[token]) - highest;
    const double weight = std::exp(saved_log);
    saved_sum += weight;
    sum += std::exp(log);
    differences += weight * (saved_log - log);
  }
  // Only rounding makes it negative.
  return std::max(0.0, differences / saved_sum - std::log(saved_sum) + std::log(sum));
}

void Divergence::add(const ScoredRow& row) {
  const SavedRow saved = base_.row(divergences_.size());
  divergences_.push_back(kl_divergence(saved, row.logits));
  const auto likeliest = std::max_element(row.logits.begin(), row.logits.end()) - row.logits.begin();
  if (likeliest == saved.likeliest) ++same_top_;
  base_perplexity_.add(static_cast<double>(saved.log_probability));
}

DivergenceFigures Divergence::figures() const {
  DivergenceFigures figures;
  figures.rows = std::ssize(divergences_);
  if (figures.rows == 0) return figures;
  const auto rows = static_cast<double>(figures.rows);
  figures.mean = mean(divergences_);
  figures.standard_error = standard_deviation(divergences_) / std::sqrt(rows);
  figures.quantile_99 = quantile(divergences_, 0.99);
  figures.highest = quantile(divergences_, 1);
  figures.same_top = static_cast<double>(same_top_) / rows;
  return figures;
}

}  // namespace yoke::measure
