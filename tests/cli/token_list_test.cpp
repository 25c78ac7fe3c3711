#include "cli/token_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/usage.h"

namespace yoke::cli {
namespace {

using testing::ElementsAre;

TEST(TokenList, IsIdsBetweenCommas) {
  EXPECT_THAT(parse_tokens("7"), ElementsAre(7));
  EXPECT_THAT(parse_tokens("1,2,3"), ElementsAre(1, 2, 3));
  EXPECT_THAT(parse_tokens("2147483647,0,-1"), ElementsAre(2147483647, 0, -1))
      << "the engine knows the range";
}

TEST(TokenList, AnythingElseIsAnErrorThatShowsThePart) {
  for (const auto& [text, part] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"1,", ""},
                                                        {",1", ""},
                                                        {"1,,2", ""},
                                                        {"1,two,3", "two"},
                                                        {"1, 2", " 2"},
                                                        {"1.5", "1.5"},
                                                        {"1,+2", "+2"},
                                                        {"2147483648", "2147483648"}}) {
    try {
      parse_tokens(text);
      ADD_FAILURE() << "accepted '" << text << "'";
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), testing::StartsWith("--tokens has '" + part + "'; expected")) << text;
    }
  }
}

}  // namespace
}  // namespace yoke::cli
