#include "base/resident.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace yoke {
namespace {

TEST(PeakResidentBytes, GrowsWithWhatIsTouchedAndStaysWhenItIsGone) {
  const std::uint64_t before = peak_resident_bytes();
  EXPECT_GT(before, 0U);
  constexpr std::size_t size = std::size_t{256} << 20;
  { const std::vector<std::byte> touched(size, std::byte{1}); }
  const std::uint64_t after = peak_resident_bytes();
  EXPECT_GE(after, size);
  // Sanitizers keep bytes of their own for each.
  if (!YOKE_SANITIZED) {
    EXPECT_LE(after, before + size + (std::size_t{16} << 20));
  }
}

}  // namespace
}  // namespace yoke
