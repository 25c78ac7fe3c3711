#include "base/nearest_name.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace yoke {
namespace {

/// How many letters have to be added, taken away or changed to make one of the other. Wagner and Fischer,
/// https://doi.org/10.1145/321796.321811.
std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view nearest_name(std::string_view name, std::span<const std::string_view> names) {
  assert(!names.empty());
  return *std::min_element(names.begin(), names.end(), [&](std::string_view a, std::string_view b) {
    return edits_between(name, a) < edits_between(name, b);
  });
}

}  // namespace yoke
