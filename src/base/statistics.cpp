#include "base/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace yoke {

double mean(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double middle = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - middle) * (value - middle);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto counted = static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto found = values.begin() + std::max<std::ptrdiff_t>(counted, 1) - 1;
  std::nth_element(values.begin(), found, values.end());
  return *found;
}

}  // namespace yoke
