#include "cluster/memory_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "comm/solo.h"
#include "comm/threads.h"

namespace yoke::cluster {
namespace {

constexpr std::uint64_t GB = 1'000'000'000;

RankPlace place(int rank, const std::string& machine) {
  return {rank, "host-" + machine, 100 + rank, machine, ""};
}
MemoryClaim claim(int rank, std::uint64_t weights, std::uint64_t available) {
  return {rank, {weights, 0, 0}, available, "memory of the machine"};
}

TEST(MemoryCheck, ComparesTheSumOfAMachinesRanksWithWhatItHas) {
  const std::vector<RankPlace> together{place(0, "a"), place(1, "a"), place(2, "a")};
  const std::vector<RankPlace> apart{place(0, "a"), place(1, "b"), place(2, "c")};
  const std::vector<MemoryClaim> claims{claim(0, 3 * GB, 8 * GB), claim(1, 3 * GB, 8 * GB),
                                        claim(2, 3 * GB, 8 * GB)};
  EXPECT_EQ(judge_memory(apart, claims), "");
  EXPECT_EQ(
      judge_memory(together, claims),
      "the model does not fit: 3 ranks on host-a need 3.00 GB + 3.00 GB + 3.00 GB = 9.00 GB (rank 0: weights "
      "3.00 GB, KV cache 0 bytes, scratch 0 bytes), but only 8.00 GB are available there (memory of the "
      "machine)");
}

TEST(MemoryCheck, FitsExactlyButNotOneByteMore) {
  const std::vector<RankPlace> places{place(0, "a"), place(1, "a")};
  EXPECT_EQ(judge_memory(places, std::vector{claim(0, GB, 2 * GB), claim(1, GB, 2 * GB)}), "");
  EXPECT_NE(judge_memory(places, std::vector{claim(0, GB, 2 * GB), claim(1, GB + 1, 2 * GB)}), "");
}

TEST(MemoryCheck, TakesTheTightestLimitOfAMachineAndNamesTheOneRankThatFails) {
  std::vector<MemoryClaim> claims{claim(0, GB, 9 * GB), claim(1, 3 * GB, 2 * GB)};
  claims[1].limited_by = "cgroup limit of 2.00 GB";
  EXPECT_EQ(
      judge_memory(std::vector{place(0, "a"), place(1, "b")}, claims),
      "the model does not fit: rank 1 (host host-b, pid 101) needs 3.00 GB (weights 3.00 GB, KV "
      "cache 0 bytes, scratch 0 bytes), but only 2.00 GB are available there (cgroup limit of 2.00 GB)");
  EXPECT_THAT(judge_memory(std::vector{place(0, "a"), place(1, "a")}, claims),
              testing::HasSubstr("only 2.00 GB are available there (cgroup limit of 2.00 GB)"));
}

TEST(MemoryCheck, OffersASmallerContextWhereTheKvCacheIsWhatIsTooMuch) {
  const std::vector<RankPlace> places{place(0, "a"), place(1, "a")};
  const auto sentence = [&](std::uint64_t weights, std::uint64_t kv) {
    const model::MemoryNeed need{weights, kv, GB};
    return judge_memory(places, std::vector<MemoryClaim>{{0, need, 8 * GB, "x"}, {1, need, 8 * GB, "x"}});
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
                         std::vector{claim(0, half, 8 * GB), claim(1, half, 8 * GB)}),
            "");
}

TEST(MemoryCheck, OnlyRankZeroSpeaks) {
  const Memory memory{10 * GB, 5 * GB, "memory of the machine"};
  const std::vector<RankPlace> places{place(0, "a"), place(1, "a"), place(2, "a")};
  comm::run_ranks(3, [&](comm::Comm& comm) {
    EXPECT_TRUE(check_memory(comm, places, {GB, 0, 0}, memory));
    if (comm.rank() == 0) {
      EXPECT_THROW(check_memory(comm, places, {2 * GB, 0, 0}, memory), Error);
    } else {
      EXPECT_FALSE(check_memory(comm, places, {2 * GB, 0, 0}, memory));
    }
  });
  comm::SoloComm solo;
  EXPECT_TRUE(check_memory(solo, std::span(places).first(1), {GB, 0, 0}, memory));
}

}  // namespace
}  // namespace yoke::cluster
