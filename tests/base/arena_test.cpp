#include "base/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace yoke {
namespace {

TEST(Arena, GivesAlignedFloatsThatDoNotOverlap) {
  Arena arena;
  std::vector<std::span<float>> spans;
  for (std::int64_t n = 0; n < 200; ++n) {
    spans.push_back(arena.floats(n));
    ASSERT_EQ(spans.back().size(), static_cast<std::size_t>(n));
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(spans.back().data()) % 64, 0u);
    std::fill(spans.back().begin(), spans.back().end(), static_cast<float>(n));
  }
  for (std::size_t n = 0; n < spans.size(); ++n) {
    EXPECT_TRUE(
        std::all_of(spans[n].begin(), spans[n].end(), [&](float x) { return x == static_cast<float>(n); }));
  }
}

TEST(Arena, AllocatesNothingOnceItHasSeenAStep) {
  Arena arena;
  const auto step = [&arena] {
    for (int i = 0; i < 40; ++i) arena.floats(10'000 + 1000 * i);
    arena.floats(3'000'000);
    arena.reset();
  };
  step();
  const std::size_t capacity = arena.capacity();
  const float* const first = arena.floats(1).data();
  arena.reset();
  for (int i = 0; i < 3; ++i) {
    step();
    EXPECT_EQ(arena.capacity(), capacity);
    EXPECT_EQ(arena.floats(1).data(), first);
    arena.reset();
  }
}

TEST(Arena, SpansOfOneStepStayWhereTheyAreWhenTheArenaGrows) {
  Arena arena;
  const std::span<float> early = arena.floats(4);
  early[3] = 7.0f;
  for (int i = 0; i < 10; ++i) arena.floats(1'000'000);
  EXPECT_EQ(early[3], 7.0f);
}

TEST(Arena, AScopeGivesBackWhatItTookAndScopesNest) {
  Arena arena;
  const std::span<float> kept = arena.floats(100);
  std::fill(kept.begin(), kept.end(), 1.0f);
  const float* outer_first = nullptr;
  const float* inner_first = nullptr;
  for (int round = 0; round < 3; ++round) {
    const ArenaScope outer(arena);
    const std::span<float> a = arena.floats(50);
    std::fill(a.begin(), a.end(), 2.0f);
    if (round == 0) outer_first = a.data();
    EXPECT_EQ(a.data(), outer_first);
    for (int inner_round = 0; inner_round < 2; ++inner_round) {
      const ArenaScope inner(arena);
      const std::span<float> b = arena.floats(500'000);  // larger than a block
      std::fill(b.begin(), b.end(), 3.0f);
      if (inner_first == nullptr) inner_first = b.data();
      EXPECT_EQ(b.data(), inner_first);
    }
    EXPECT_TRUE(std::all_of(a.begin(), a.end(), [](float x) { return x == 2.0f; }));
  }
  EXPECT_TRUE(std::all_of(kept.begin(), kept.end(), [](float x) { return x == 1.0f; }));
}

TEST(Arena, AScopeMayBeginBeforeTheFirstFloats) {
  Arena arena;
  {
    const ArenaScope scope(arena);
    arena.floats(10);
    arena.floats(10'000'000);
  }
  const std::size_t capacity = arena.capacity();
  arena.floats(10);
  EXPECT_EQ(arena.capacity(), capacity);
}

#ifndef NDEBUG
TEST(Arena, ScratchIsNanWhereAssertionsAreOn) {
  Arena arena;
  std::span<float> floats = arena.floats(100);
  std::fill(floats.begin(), floats.end(), 1.0f);
  arena.reset();
  for (const float x : arena.floats(100)) EXPECT_TRUE(std::isnan(x));
}
#endif

}  // namespace
}  // namespace yoke
