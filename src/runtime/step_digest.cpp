#include "runtime/step_digest.h"

#include <fmt/core.h>
#include <xxhash.h>

#include <algorithm>
#include <vector>

#include "base/bytes.h"

namespace yoke::runtime {
namespace {

/// The ranks whose digest is not that of most; of equally many, the lowest rank's counts.
std::vector<std::size_t> dissenters(std::span<const std::uint64_t> digests) {
  const auto votes = [&](std::uint64_t digest) { return std::count(digests.begin(), digests.end(), digest); };
  const std::uint64_t agreed = *std::max_element(
      digests.begin(), digests.end(), [&](std::uint64_t a, std::uint64_t b) { return votes(a) < votes(b); });
  std::vector<std::size_t> found;
  for (std::size_t rank = 0; rank < digests.size(); ++rank)
    if (digests[rank] != agreed) found.push_back(rank);
  return found;
}

}  // namespace

void StepDigest::add(const model::Batch& batch) {
  ByteWriter writer;
  writer(batch);
  const std::vector<std::byte> bytes = writer.take();
  value_ = XXH3_64bits_withSeed(bytes.data(), bytes.size(), value_);
}

void StepDigest::add(MatrixView<const float> rows) {
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const std::span<const float> row = rows.row(r);
    value_ = XXH3_64bits_withSeed(row.data(), row.size_bytes(), value_);
  }
}

std::optional<std::string> disagreement(std::span<const std::uint64_t> digests,
                                        std::span<const Place> places) {
  const std::vector<std::size_t> others = dissenters(digests);
  if (others.empty()) return std::nullopt;
  const std::string odd = describe(places[others.front()]);
  if (2 * others.size() < digests.size())
    return fmt::format(
        "{} has computed other values than the other ranks from the same: the memory, the processor or the "
        "copy of the model there may be damaged",
        odd);
  return fmt::format(
      "{} and {} have computed different values from the same: on one of them the memory, the processor or "
      "the copy of the model may be damaged",
      describe(places.front()), odd);
}

}  // namespace yoke::runtime
