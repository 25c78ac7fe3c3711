// Any bytes are either refused with a sentence or are a file of distributions whose every row can be
// compared.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "measure/distributions.h"
#include "measure/divergence.h"

namespace {

using namespace yoke::session;

void check(bool holds) {
  if (!holds) std::abort();
}

void compare_rows(std::span<const std::byte> rows, const measure::SavedRun& run) {
  const std::vector<float> logits(static_cast<std::size_t>(run.vocabulary), 1);
  for (std::uint64_t i = 0; i < run.rows(); ++i) {
    const measure::SavedRow row =
        measure::parse_distribution_row(rows.subspan(i * run.row_bytes(), run.row_bytes()), run, i, "fuzz");
    check(row.likeliest >= 0 && row.likeliest < run.vocabulary);
    const double divergence = measure::kl_divergence(row, logits);
    check(divergence >= 0 && std::isfinite(divergence));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  try {
    const auto start = file.first(std::min(size, measure::longest_distribution_header));
    const measure::DistributionHeader header = measure::parse_distribution_header(start, size, "fuzz");
    check(header.bytes <= size && header.run.rows() * header.run.row_bytes() == size - header.bytes);
    compare_rows(file.subspan(header.bytes), header.run);
  } catch (const yoke::Error& error) {
    check(std::string_view(error.what()).starts_with("fuzz: "));
  }
  return 0;
}
