// How far one model's distributions are from another's over the same tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "measure/distributions.h"
#include "measure/perplexity.h"

namespace yoke::measure {

/// The Kullback-Leibler divergence Σ p ln(p ÷ q) in nats, p being the saved distribution and q the one that
/// `logits` (of the same vocabulary, all finite) make. Not negative.
double kl_divergence(const SavedRow& saved, std::span<const float> logits);

/// What is said of all rows together.
struct DivergenceFigures {
  std::int64_t rows = 0;
  double mean = 0;            // of the divergence, in nats
  double standard_error = 0;  // of the mean
  double quantile_99 = 0;     // 99% of the rows diverge no more
  double highest = 0;
  double same_top = 0;  // the share of rows, 0 to 1, in which both find the same token likeliest
};

/// Compares rows with those of a file, in its order.
class Divergence {
 public:
  /// The file is of the same tokens (require_same_tokens) and outlives this.
  explicit Divergence(const DistributionFile& base) : base_(base) {}

  /// Throws Error where the file is damaged.
  void add(const ScoredRow& row);

  DivergenceFigures figures() const;
  /// Of the file's model, over the rows compared so far.
  const Perplexity& base_perplexity() const { return base_perplexity_; }

 private:
  const DistributionFile& base_;
  std::vector<double> divergences_;  // of each row
  std::int64_t same_top_ = 0;
  Perplexity base_perplexity_;
};

}  // namespace yoke::measure
