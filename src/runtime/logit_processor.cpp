#include "runtime/logit_processor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace yoke::runtime {
namespace {

constexpr double largest = std::numeric_limits<float>::max();

float in_range(double logit) { return static_cast<float>(std::clamp(logit, -largest, largest)); }

float penalised(float logit, std::int32_t count, const model::WantedRow& row) {
  if (std::isinf(logit)) return logit;  // forbidden
  const double repetition = row.repetition_penalty;
  const double divided = logit > 0 ? static_cast<double>(logit) / repetition : logit * repetition;
  return in_range(divided - static_cast<double>(row.presence_penalty) -
                  static_cast<double>(row.frequency_penalty) * count);
}

/// The logit of `token` where it is one of these, else null.
float* find(std::span<float> logits, Token first, Token token) {
  const auto at = static_cast<std::int64_t>(token) - first;
  return at >= 0 && at < std::ssize(logits) ? &logits[static_cast<std::size_t>(at)] : nullptr;
}

}  // namespace

bool all_finite(std::span<const float> logits) {
  constexpr std::uint32_t exponent = 0x7f800000;  // all ones in ∞ and NaN
  std::uint32_t found = 0;
  for (const float logit : logits) found |= (std::bit_cast<std::uint32_t>(logit) & exponent) == exponent;
  return found == 0;
}

void adjust(std::span<float> logits, Token first, const model::WantedRow& row) {
  for (const model::LogitBias& bias : row.bias) {
    float* const logit = find(logits, first, bias.token);
    if (logit == nullptr) continue;
    *logit = std::isinf(bias.bias) ? bias.bias
                                   : in_range(static_cast<double>(*logit) + static_cast<double>(bias.bias));
  }
  for (const model::TokenCount& recent : row.recent) {
    if (float* const logit = find(logits, first, recent.token)) *logit = penalised(*logit, recent.count, row);
  }
}

}  // namespace yoke::runtime
