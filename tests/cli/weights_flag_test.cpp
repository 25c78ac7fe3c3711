#include "cli/weights_flag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/usage.h"
#include "common/error_of.h"

namespace yoke::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<hosts::Host> two_hosts() { return hosts::parse_hosts("node1,node2:2"); }

TEST(Weights, AreNumbersOrAWord) {
  EXPECT_THAT(parse_weights("2,1,0.5").given, ElementsAre(2, 1, 0.5));
  EXPECT_EQ(parse_weights("equal").kind, WeightsFlag::Kind::equal);
  EXPECT_EQ(parse_weights("measure").kind, WeightsFlag::Kind::anew);
  for (const char* bad : {"", ",", "1,", "1,,2", "0", "-1", "nan", "inf", "1e7", "1x", "2;1", " 1", "fast"})
    EXPECT_THAT(error_of([&] { parse_weights(bad); }), HasSubstr("is no weight; expected numbers above 0"))
        << bad;
}

TEST(Weights, AreTheSharesOfRanks) {
  EXPECT_THAT(shares_of_ranks(parse_weights("2,1"), 2), ElementsAre(2, 1));
  EXPECT_THAT(shares_of_ranks(parse_weights("equal"), 3), IsEmpty());
  EXPECT_THAT(shares_of_ranks({}, 3), IsEmpty());
  EXPECT_THROW(shares_of_ranks(parse_weights("2,1"), 3), UsageError);
  EXPECT_THAT(error_of([] { shares_of_ranks(parse_weights("2,1"), 1); }),
              HasSubstr("--weights: 2 are given, but there is 1 rank"));
  EXPECT_THAT(error_of([] { shares_of_ranks(parse_weights("measure"), 2); }),
              HasSubstr("needs a list of hosts"));
}

TEST(Weights, AreThoseOfHosts) {
  std::vector<hosts::Host> list = two_hosts();
  give_weights(parse_weights("3,1"), list);
  EXPECT_EQ(list[0].weight, 3);
  EXPECT_EQ(list[1].weight, 1);
  give_weights({}, list);
  EXPECT_EQ(list[0].weight, 3) << "as the list says";
  give_weights(parse_weights("equal"), list);
  EXPECT_EQ(list[0].weight, 1);
  EXPECT_EQ(list[1].weight, 2) << "its ranks are like the other's";
  give_weights(parse_weights("measure"), list);
  EXPECT_EQ(list[0].weight, 0);
  EXPECT_THAT(error_of([&] { give_weights(parse_weights("3,1,1"), list); }),
              HasSubstr("3 are given, but there are 2 hosts"));
}

}  // namespace
}  // namespace yoke::cli
