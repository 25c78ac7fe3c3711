#include "cli/engine_flags.h"

#include <gtest/gtest.h>

namespace yoke::cli {
namespace {

TEST(LoadNote, NamesTheSlowestOfSeveralRanks) {
  EXPECT_EQ(load_note({{152, 240}, 4, 1, {9, 30}}), "rank 1 at 30%");
  EXPECT_EQ(load_note({{0, 100}, 3, 2, {0, 0}}), "rank 2 at 0%");
  EXPECT_EQ(load_note({{199, 200}, 2, 0, {99, 100}}), "rank 0 at 99%");
}

TEST(LoadNote, NamesTheRanksThatOthersReadFrom) {
  EXPECT_EQ(load_note({{152, 240, {{0, 42'000'000}}}, 4, 1, {9, 30}}),
            "rank 1 at 30%, 42.0 MB came from rank 0");
  EXPECT_EQ(load_note({{152, 240, {{0, 42'000'000}, {3, 8'000'000}}}, 4, 1, {9, 30}}),
            "rank 1 at 30%, 50.0 MB came from ranks 0, 3");
}

TEST(LoadNote, SaysNothingOfOneRankOrAfterTheEnd) {
  EXPECT_EQ(load_note({{5, 10}, 1, 0, {5, 10}}), "");
  EXPECT_EQ(load_note({{20, 20}, 2, 0, {10, 10}}), "");
}

}  // namespace
}  // namespace yoke::cli
