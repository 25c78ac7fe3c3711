#include "cluster/replication.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

namespace yoke::cluster {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Replication, OneMachineHasTheFileAndTheOthersKeepItTogether) {
  const std::vector<Holder> holders{{"a", true, {}}, {"b", false, {}}, {"c", false, {}}, {"c", false, {}}};
  const Replication plan = plan_replication(holders, 0);
  EXPECT_EQ(plan.parts, 2);
  EXPECT_THAT(plan.to_add, ElementsAre(IsEmpty(), ElementsAre(0), ElementsAre(1), IsEmpty()));
}

TEST(Replication, WhereTwoHaveTheFileOrOneMachineIsAllNothingIsKept) {
  EXPECT_THAT(
      plan_replication(std::vector<Holder>{{"a", true, {}}, {"b", true, {}}, {"c", false, {}}}, 0).to_add,
      Each(IsEmpty()));
  EXPECT_THAT(plan_replication(std::vector<Holder>{{"a", true, {}}, {"a", false, {}}}, 0).to_add,
              Each(IsEmpty()));
}

TEST(Replication, WhereNoneHasTheFileAnyMoreEachPartComesToLieOnTwo) {
  const std::vector<Holder> holders{{"b", false, {0}}, {"c", false, {1}}, {"new", false, {}}};
  const Replication plan = plan_replication(holders, 2);
  EXPECT_EQ(plan.parts, 2);
  EXPECT_THAT(plan.to_add, ElementsAre(ElementsAre(1), IsEmpty(), ElementsAre(0)));
}

/// What the machines have where one is lost, or none (−1).
bool is_whole(const std::vector<Holder>& holders, int parts, const std::string& lost) {
  std::set<int> there;
  for (const Holder& holder : holders) {
    if (holder.machine == lost) continue;
    if (holder.has_file) return true;
    there.insert(holder.parts.begin(), holder.parts.end());
  }
  return parts > 0 && std::ssize(there) == parts;
}

TEST(Replication, NoMachineIsIrreplaceableAfterwardsAndThenThereIsNothingToDo) {
  std::mt19937 random(7);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 3000; ++round) {
    const int machines = 2 + below(4);
    const int parts = below(2) * (1 + below(4));
    std::vector<Holder> holders;
    for (int rank = 0; rank < machines + below(3); ++rank) {
      Holder& holder = holders.emplace_back();
      holder.machine = std::to_string(rank % machines);
      holder.has_file = rank % machines == 0 && round % 2 == 0;
      for (int part = 0; part < parts && !holder.has_file; ++part)
        if (below(2) == 0) holder.parts.push_back(part);
    }
    if (!is_whole(holders, parts, "")) continue;
    const Replication plan = plan_replication(holders, parts);
    for (std::size_t rank = 0; rank < holders.size(); ++rank) {
      EXPECT_TRUE(plan.to_add[rank].empty() || !holders[rank].has_file);
      holders[rank].parts.insert(holders[rank].parts.end(), plan.to_add[rank].begin(),
                                 plan.to_add[rank].end());
    }
    for (int machine = 0; machine < machines; ++machine)
      EXPECT_TRUE(is_whole(holders, plan.parts, std::to_string(machine))) << round << " without " << machine;
    EXPECT_THAT(plan_replication(holders, plan.parts).to_add, Each(IsEmpty()));
    const std::vector<int> ranks = ranks_with_parts(holders, plan.parts);
    for (int part = 0; part < plan.parts; ++part) {
      const int rank = ranks[static_cast<std::size_t>(part)];
      if (rank < 0) continue;
      const std::vector<int>& has = holders[static_cast<std::size_t>(rank)].parts;
      EXPECT_TRUE(std::find(has.begin(), has.end(), part) != has.end());
    }
  }
}

}  // namespace
}  // namespace yoke::cluster
