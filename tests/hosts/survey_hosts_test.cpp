#include "hosts/survey_hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yoke::hosts {
namespace {

using testing::HasSubstr;

const Host node = parse_host("node3", "test");

RemoteResult answered(const std::string& output) { return {0, false, output, false, "", 1000, 1001}; }

Survey survey_at(double clock) {
  Survey survey = take_identity();
  survey.clock = clock;
  return survey;
}

TEST(SurveyHosts, KnowsThisMachineByAnyName) {
  const Survey here = take_identity();
  EXPECT_TRUE(interpret(node, "yoke", answered(write_survey(here)), here).is_here);
  for (auto change : {+[](Survey& s) { s.host += "x"; }, +[](Survey& s) { ++s.network_namespace; },
                      +[](Survey& s) { s.boot_id = ""; }, +[](Survey& s) { s.boot_id += "0"; }}) {
    Survey other = here;
    change(other);
    EXPECT_FALSE(interpret(node, "yoke", answered(write_survey(other)), here).is_here);
  }
}

TEST(SurveyHosts, CountsAsSkewOnlyWhatTheWayCannotExplain) {
  const auto ahead = [&](double clock) {
    return interpret(node, "yoke", answered(write_survey(survey_at(clock))), take_identity()).clock_ahead;
  };
  EXPECT_EQ(ahead(1000.2), 0);
  EXPECT_EQ(ahead(1004), 3);
  EXPECT_EQ(ahead(995), -5);
}

TEST(SurveyHosts, NamesTheHostThatAnswersNonsense) {
  const SurveyedHost chatty = interpret(node, "yoke", answered("hello\n"), take_identity());
  ASSERT_TRUE(chatty.trouble);
  EXPECT_THAT(chatty.trouble->sentence,
              HasSubstr("node3: expected the answer of yoke survey, but found 'hello"));
  RemoteResult endless = answered(write_survey(take_identity()));
  endless.output_cut = true;
  EXPECT_THAT(interpret(node, "yoke", endless, take_identity()).trouble->sentence,
              HasSubstr("more than 262144 bytes"));
}

TEST(SurveyHosts, KeepsTheBuildOfAHostThatHasAnother) {
  const SurveyedHost other = interpret(node, "yoke", answered("yoke 7 abc\n"), take_identity());
  EXPECT_FALSE(other.trouble);
  EXPECT_FALSE(other.survey);
  EXPECT_EQ(other.build, (system::BuildId{7, "abc"}));
}

}  // namespace
}  // namespace yoke::hosts
