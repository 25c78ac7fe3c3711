#include "cluster/memory_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yoke::cluster {
namespace {

constexpr std::uint64_t GB = 1'000'000'000;

using runtime::Place;

Place place(int rank, const std::string& machine) {
  return {rank, "host-" + machine, machine, machine, 100 + rank, 1, {}, 1};
}
MemoryClaim claim_of(std::uint64_t weights, std::uint64_t available) {
  return {{weights, 0, 0}, available, "memory of the machine"};
}

TEST(MemoryCheck, ComparesTheSumOfAMachinesRanksWithWhatItHas) {
  const std::vector<Place> together{place(0, "a"), place(1, "a"), place(2, "a")};
  const std::vector<Place> apart{place(0, "a"), place(1, "b"), place(2, "c")};
  const std::vector<MemoryClaim> claims{claim_of(3 * GB, 8 * GB), claim_of(3 * GB, 8 * GB),
                                        claim_of(3 * GB, 8 * GB)};
  EXPECT_EQ(judge_memory(apart, claims), "");
  EXPECT_EQ(
      judge_memory(together, claims),
      "the model does not fit: 3 ranks on host-a need 3.00 GB + 3.00 GB + 3.00 GB = 9.00 GB (rank 0: weights "
      "3.00 GB, KV cache 0 bytes, scratch 0 bytes), but only 8.00 GB are available there (memory of the "
      "machine)");
}

TEST(MemoryCheck, FitsExactlyButNotOneByteMore) {
  const std::vector<Place> places{place(0, "a"), place(1, "a")};
  EXPECT_EQ(judge_memory(places, std::vector{claim_of(GB, 2 * GB), claim_of(GB, 2 * GB)}), "");
  EXPECT_NE(judge_memory(places, std::vector{claim_of(GB, 2 * GB), claim_of(GB + 1, 2 * GB)}), "");
}

TEST(MemoryCheck, TakesTheTightestLimitOfAMachineAndNamesTheOneRankThatFails) {
  std::vector<MemoryClaim> claims{claim_of(GB, 9 * GB), claim_of(3 * GB, 2 * GB)};
  claims[1].limited_by = "cgroup limit of 2.00 GB";
  EXPECT_EQ(
      judge_memory(std::vector{place(0, "a"), place(1, "b")}, claims),
      "the model does not fit: rank 1 (host host-b, pid 101) needs 3.00 GB (weights 3.00 GB, KV "
      "cache 0 bytes, scratch 0 bytes), but only 2.00 GB are available there (cgroup limit of 2.00 GB)");
  EXPECT_THAT(judge_memory(std::vector{place(0, "a"), place(1, "a")}, claims),
              testing::HasSubstr("only 2.00 GB are available there (cgroup limit of 2.00 GB)"));
}

TEST(MemoryCheck, OffersASmallerContextWhereTheKvCacheIsWhatIsTooMuch) {
  const std::vector<Place> places{place(0, "a"), place(1, "a")};
  const auto sentence = [&](std::uint64_t weights, std::uint64_t kv) {
    const model::MemoryNeed need{weights, kv, GB};
    return judge_memory(places, std::vector<MemoryClaim>(2, {need, 8 * GB, "x"}));
  };
  EXPECT_EQ(sentence(2 * GB, GB), "");
  EXPECT_THAT(sentence(2 * GB, 2 * GB),
              testing::AllOf(testing::HasSubstr("weights 2.00 GB, KV cache 2.00 GB, scratch 1.00 GB"),
                             testing::EndsWith("; a smaller context (--ctx) needs less")));
  EXPECT_THAT(sentence(4 * GB, 2 * GB), testing::EndsWith("(x)"))
      << "no context makes these weights fit, so none is offered";
}

TEST(MemoryCheck, ASumThatWrapsAroundDoesNotFit) {
  const std::uint64_t half = std::uint64_t{1} << 63;
  EXPECT_NE(judge_memory(std::vector{place(0, "a"), place(1, "a")},
                         std::vector{claim_of(half, 8 * GB), claim_of(half, 8 * GB)}),
            "");
}

TEST(MemoryCheck, WhatAHostMayHaveIsForItsRanksTogetherAndWhatIsFreeForAllOfItsMachine) {
  const Memory memory{10 * GB, 5 * GB, "memory of the machine"};
  EXPECT_EQ(judge_memory(std::vector{place(0, "a")}, std::vector{claim({5 * GB, 0, 0}, memory, 4 * GB)}),
            "the model does not fit: rank 0 (host host-a, pid 100) needs 5.00 GB (weights 5.00 GB, KV cache "
            "0 bytes, scratch 0 bytes), but only 4.00 GB are available there (the memory it may have)");
  EXPECT_THAT(judge_memory(std::vector{place(0, "a")}, std::vector{claim({6 * GB, 0, 0}, memory, 7 * GB)}),
              testing::HasSubstr("only 5.00 GB are available there (memory of the machine)"));
  // Two hosts that are one machine, as containers are.
  std::vector<Place> places{place(0, "a"), place(1, "a")};
  const auto sentence = [&](std::uint64_t weights) {
    return judge_memory(places, std::vector(2, claim({weights, 0, 0}, memory, 3 * GB)));
  };
  EXPECT_THAT(sentence(2 * GB), testing::HasSubstr("2 ranks on host-a need")) << "together, of one host";
  places[1].host = "host-b";
  EXPECT_EQ(sentence(2 * GB), "");
  EXPECT_THAT(sentence(3 * GB), testing::HasSubstr("only 5.00 GB are available there"));
}

TEST(MemoryCheck, PagesForMoreSequencesFillTheBudgetOfTheTightestMachine) {
  const std::vector<Place> places{place(0, "a"), place(1, "a"), place(2, "b")};
  const auto claim_with = [](std::uint64_t page, std::uint64_t budget) {
    return MemoryClaim{{GB, 0, 0, page, 100}, 20 * GB, "x", budget};
  };
  // Machine a has 8 GB for pages of 20 MB (both ranks), machine b 9 GB for pages of 10 MB.
  const std::vector<MemoryClaim> claims{claim_with(GB / 100, 10 * GB), claim_with(GB / 100, 10 * GB),
                                        claim_with(GB / 100, 10 * GB)};
  EXPECT_EQ(affordable_pages(places, claims, 100), 100 + 400);
  EXPECT_EQ(affordable_pages(places, claims, 3), 300) << "no more than sequences may need";
  EXPECT_EQ(affordable_pages(places, claims, 1), 100);
  const std::vector<MemoryClaim> tight(3, claim_with(GB / 100, GB));
  EXPECT_EQ(affordable_pages(places, tight, 100), 100) << "those that are needed fit all the same";
  const std::vector<MemoryClaim> nothing(3, claim_with(0, GB));
  EXPECT_EQ(affordable_pages(places, nothing, 2), 200);
}

TEST(MemoryCheck, OfFreeMemoryPagesFillSomeAndOfWhatIsGivenAll) {
  const Memory memory{10 * GB, 5 * GB, "memory of the machine"};
  const auto pages = [&](std::uint64_t most) {
    return affordable_pages(std::vector{place(0, "a")},
                            std::vector{claim({GB, 0, 0, GB / 100, 1}, memory, most)}, 10'000);
  };
  EXPECT_EQ(pages(0), 1 + 325) << "85% of 5 GB";
  EXPECT_EQ(pages(4 * GB), 1 + 300);
  EXPECT_EQ(pages(6 * GB), 1 + 400);
}

}  // namespace
}  // namespace yoke::cluster
