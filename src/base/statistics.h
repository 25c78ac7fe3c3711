// What a series of measurements says.
#pragma once

#include <span>
#include <vector>

namespace yoke {

/// The arithmetic mean; 0 of no values.
double mean(std::span<const double> values);
/// The standard deviation of a sample (divided by n − 1); 0 of fewer than two values.
double standard_deviation(std::span<const double> values);
/// The middle value, or the mean of the two in the middle; 0 of no values.
double median(std::vector<double> values);
/// The smallest of the values that at least this share of them, 0 < share <= 1, do not exceed; 0 of no
/// values.
double quantile(std::vector<double> values, double share);

}  // namespace yoke
