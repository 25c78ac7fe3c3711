#include "model/rope_config.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace yoke::model {
namespace {

/// The share of each pair's frequency that YaRN interpolates: 0 for pairs that turn often within the original
/// context, 1 for those that do not come round, a ramp between.
std::vector<double> yarn_ramp(const RopeConfig& config) {
  const double dims = static_cast<double>(config.dims);
  const auto pair_that_turns = [&](double times) {
    return dims * std::log(config.original_context / (times * 2 * std::numbers::pi)) /
           (2 * std::log(config.base));
  };
  const double low = std::max(0.0, std::floor(pair_that_turns(config.beta_fast)));
  const double high = std::min(dims - 1, std::ceil(pair_that_turns(config.beta_slow)));
  std::vector<double> ramp;
  for (std::int64_t pair = 0; pair < config.dims / 2; ++pair) {
    ramp.push_back(std::clamp((static_cast<double>(pair) - low) / std::max(0.001, high - low), 0.0, 1.0));
  }
  return ramp;
}

}  // namespace

double RopeConfig::score_magnitude() const {
  if (scaling != RopeScaling::yarn || log_multiplier == 0) return 1;
  return attention_factor * (1 + log_multiplier * std::log(factor));
}

ops::RopeSpec rope_spec(const RopeConfig& config, ops::RopeStyle style, const std::vector<float>& factors) {
  const std::size_t pairs = static_cast<std::size_t>(config.dims / 2);
  std::vector<double> interpolated(pairs, config.scaling == RopeScaling::linear ? 1.0 : 0.0);
  ops::RopeSpec spec;
  spec.style = style;
  spec.at_end = config.at_end;
  spec.magnitude = static_cast<float>(config.attention_factor);
  if (config.scaling == RopeScaling::yarn) {
    interpolated = yarn_ramp(config);
    spec.magnitude *= static_cast<float>(1 + 0.1 * std::log(config.factor));
    if (config.log_multiplier != 0) spec.magnitude = 1;
  }
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    const double exponent = -2.0 * static_cast<double>(pair) / static_cast<double>(config.dims);
    const double factor = factors.empty() ? 1.0 : static_cast<double>(factors[pair]);
    const double stretch = 1 - interpolated[pair] + interpolated[pair] / config.factor;
    spec.frequencies.push_back(std::pow(config.base, exponent) / factor * stretch);
  }
  return spec;
}

}  // namespace yoke::model
