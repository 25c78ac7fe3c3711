// How well a model foresees a text.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "measure/windows.h"
#include "runtime/engine.h"

namespace yoke::measure {

/// e^(mean of −ln p) over the tokens counted so far, p being what the model gave each, and how far chance may
/// have moved it.
class Perplexity {
 public:
  void add(double log_probability);

  std::int64_t tokens() const { return tokens_; }
  /// Of at least one token.
  double value() const;
  /// The standard error, from that of the mean; 0 of fewer than two tokens.
  double standard_error() const;

 private:
  std::int64_t tokens_ = 0;
  double sum_ = 0;      // of −ln p
  double squares_ = 0;  // of (ln p)²
};

/// The whole distribution that the model gave one of the tokens that count.
struct ScoredRow {
  std::span<const float>
      logits;                  // (vocabulary), all finite; they live as long as the call that tells of them
  runtime::Token target = 0;   // the token that the text has here
  double log_probability = 0;  // ln p of it
};

/// Called after each window, with the windows computed so far and what they give.
using WindowProgress = std::function<void(std::int32_t, const Perplexity&)>;
using TakeRow = std::function<void(const ScoredRow&)>;

/// Computes all windows. Throws Error where the engine refuses a window, dies or reports what is no
/// probability.
Perplexity measure_perplexity(runtime::Engine& engine, const Windows& windows,
                              const WindowProgress& progress);

/// The same from whole rows of logits, each of which is also given to `take_row`: window by window, in the
/// order of positions. No more of them are in memory than the engine tells of at once.
Perplexity measure_perplexity(runtime::Engine& engine, const Windows& windows, const WindowProgress& progress,
                              const TakeRow& take_row);

}  // namespace yoke::measure
