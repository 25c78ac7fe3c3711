#include "hosts/regroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/error.h"

namespace yoke::hosts {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// A model of 1200 bytes, which ranks share evenly.
std::vector<RankNeed> even(const std::vector<std::size_t>& ranks) {
  return std::vector<RankNeed>(ranks.size(), {1020 / ranks.size(), 180 / ranks.size()});
}

std::vector<Member> three(std::uint64_t memory) {
  return {{"node1", 1, true, memory}, {"node2", 1, true, memory}, {"node3", 1, true, memory}};
}

TEST(Regroup, ChangesNothingWhereAllAnswer) {
  const Grouping grouping = regroup(three(400), even);
  EXPECT_THAT(grouping.machine_of_rank, ElementsAre(0, 1, 2));
  EXPECT_EQ(grouping.change, "");
}

TEST(Regroup, DoublesUpInTheFirstOrderOfRanks) {
  std::vector<Member> members = three(800);
  members[0].answers = false;
  const Grouping grouping = regroup(members, even);
  EXPECT_THAT(grouping.machine_of_rank, ElementsAre(1, 1, 2));
  EXPECT_EQ(grouping.change, "node1 is gone, node2 does its part too");
}

TEST(Regroup, SpreadsWhatIsLostByWhatMachinesHad) {
  std::vector<Member> members{{"a", 2, true, 9999}, {"b", 1, true, 9999}, {"c", 3, false, 0}};
  EXPECT_THAT(regroup(members, even).machine_of_rank, ElementsAre(0, 0, 1, 0, 1, 0));
  EXPECT_EQ(regroup(members, even).change, "c is gone, a and b do its part too");
  members[1].answers = false;
  EXPECT_EQ(regroup(members, even).change, "b and c are gone, a does their part too");
}

TEST(Regroup, TakesTheMachineThatHasRoom) {
  std::vector<Member> members = three(800);
  members[2].answers = false;
  members[0].memory = 799;
  EXPECT_THAT(regroup(members, even).machine_of_rank, ElementsAre(0, 1, 1));
}

TEST(Regroup, GoesOnWithFewerRanksWhereThatIsAllThatFits) {
  std::vector<Member> members = three(600);
  members[1].answers = false;
  const Grouping grouping = regroup(members, even);
  EXPECT_THAT(grouping.machine_of_rank, ElementsAre(0, 2));
  EXPECT_THAT(grouping.ranks, ElementsAre(0, 2));
  EXPECT_EQ(grouping.change,
            "node2 is gone, going on with 2 ranks in place of 3: from here on texts may differ from what "
            "those would write");
}

TEST(Regroup, SaysWhereTheModelFitsNoMore) {
  std::vector<Member> members = three(599);
  members[2].answers = false;
  try {
    regroup(members, even);
    FAIL() << "it fits";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("node3 is gone, and the model does not fit the machines that are left"),
                      HasSubstr("node1 needs 600"), HasSubstr("only 599")));
  }
}

TEST(Regroup, ALoneMachineCarriesEverything) {
  std::vector<Member> members = three(1200);
  members[1].answers = members[2].answers = false;
  EXPECT_THAT(regroup(members, even).machine_of_rank, ElementsAre(0, 0, 0));
}

TEST(Regroup, WithoutKnownNeedsEverythingFits) {
  std::vector<Member> members = three(0);
  members[2].answers = false;
  const auto unknown = [](const std::vector<std::size_t>&) { return std::vector<RankNeed>(); };
  EXPECT_THAT(regroup(members, unknown).machine_of_rank, ElementsAre(0, 1, 0));
}

TEST(Regroup, NeverUsesALostMachineNorMoreThanItsMemory) {
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Member> members;
    int first = 0;
    for (unsigned i = 0; i <= random() % 6; ++i) {
      members.push_back(
          {std::to_string(i), 1 + static_cast<int>(random() % 3), random() % 3 != 0, random() % 1500});
      first += members.back().slots;
    }
    if (std::none_of(members.begin(), members.end(), [](const Member& each) { return each.answers; }))
      continue;
    try {
      const Grouping grouping = regroup(members, even);
      const std::vector<std::size_t>& places = grouping.machine_of_rank;
      ASSERT_LE(std::ssize(places), first);
      ASSERT_EQ(places.size(), grouping.ranks.size());
      std::vector<std::uint64_t> bytes(members.size());
      for (const std::size_t machine : places) bytes.at(machine) += even(grouping.ranks).front().total();
      for (std::size_t i = 0; i < members.size(); ++i) {
        ASSERT_TRUE(members[i].answers || bytes[i] == 0) << round;
        ASSERT_LE(bytes[i], members[i].memory * (members[i].answers ? 1 : 0)) << round;
      }
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace yoke::hosts
