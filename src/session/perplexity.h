// How well a model foresees a text.
#pragma once

#include <cstdint>
#include <functional>

#include "runtime/engine.h"
#include "session/windows.h"

namespace yoke::session {

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

/// Computes all windows; `progress` is called after each, with the windows computed so far and what they
/// give. Throws Error where the engine refuses a window, dies or reports what is no probability.
Perplexity measure_perplexity(runtime::Engine& engine, const Windows& windows,
                              const std::function<void(std::int32_t, const Perplexity&)>& progress);

}  // namespace yoke::session
