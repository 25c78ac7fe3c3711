#include "model/products.h"

#include <algorithm>
#include <variant>

#include "model/partition.h"

namespace yoke::model {
namespace {

bool makes_logits(const TensorEntry& entry) {
  return std::any_of(entry.split.segments.begin(), entry.split.segments.end(),
                     [](const Segment& segment) { return segment.space == Space::vocabulary; });
}

}  // namespace

TokenProducts token_products(const gguf::Model& file, const std::vector<TensorEntry>& table) {
  TokenProducts products;
  for (const TensorEntry& entry : table) {
    if (!is_matrix(entry.destination) || find_source(file, entry) == nullptr) continue;
    const Extent size = extent(entry);
    const auto values = static_cast<std::uint64_t>(size.rows) * static_cast<std::uint64_t>(size.cols);
    (makes_logits(entry) ? products.logits : products.layers) += used_of(entry, values);
  }
  return products;
}

}  // namespace yoke::model
