#include "jinja/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/error_of.h"

namespace yoke::jinja {
namespace {

using testing::HasSubstr;

std::string repeated(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

std::string refusal(const std::string& source) {
  return error_of([&] { parse(source); });
}

TEST(Parser, RefusesWhatItDoesNotKnowByLineAndName) {
  EXPECT_EQ(refusal("\n{{ x | from_json }}"), "line 2: the filter from_json is not supported");
  EXPECT_EQ(refusal("{{ x is divisible }}"), "line 1: the test divisible is not supported");
  EXPECT_EQ(refusal("{{ x.zfill(3) }}"), "line 1: the method zfill() is not supported");
  EXPECT_EQ(refusal("a\n\n{{ cycler(1) }}"), "line 3: the function cycler() is not supported");
  EXPECT_EQ(refusal("{% include 'x' %}"), "line 1: the statement {% include %} is not supported here");
  EXPECT_EQ(refusal("{% for x in y recursive %}{% endfor %}"), "line 1: recursive loops are not supported");
  EXPECT_EQ(refusal("{{ f(*x) }}"), "line 1: arguments after * and ** are not supported");
  EXPECT_EQ(refusal("{% call m() %}{% endcall %}"), "line 1: the statement {% call %} is not supported here");
}

TEST(Parser, RefusesWhatItDoesNotKnowAlsoWhereItWouldNotBeReached) {
  EXPECT_EQ(refusal("{% if false %}{{ x | xmlattr }}{% endif %}"),
            "line 1: the filter xmlattr is not supported");
}

TEST(Parser, TakesMacrosForFunctionsWhereverTheyAreDefined) {
  EXPECT_EQ(refusal("{% if x %}{{ m() }}{% endif %}{% macro m() %}{% endmacro %}"), "");
  EXPECT_EQ(refusal("{% macro m(f) %}{{ f() }}{% endmacro %}"), "");
}

TEST(Parser, NamesTheEndThatIsMissing) {
  EXPECT_EQ(refusal("{% for x in y %}\na"), "line 2: expected {% endfor %}, found the end of the template");
  EXPECT_EQ(refusal("{% set x %}"), "line 1: expected {% endset %}, found the end of the template");
}

TEST(Parser, BoundsHowDeepATemplateIs) {
  EXPECT_THAT(refusal("{{ " + repeated("(", 100'000) + "1" + repeated(")", 100'000) + " }}"),
              HasSubstr("levels deep"));
  EXPECT_THAT(refusal("{{ " + repeated("[", 100'000) + repeated("]", 100'000) + " }}"),
              HasSubstr("levels deep"));
  EXPECT_THAT(refusal("{{ " + repeated("{1:", 100'000) + "1" + repeated("}", 100'000) + " }}"),
              HasSubstr("levels deep"));
  EXPECT_THAT(refusal("{{ " + repeated("-", 100'000) + "1 }}"), HasSubstr("levels deep"));
  EXPECT_THAT(refusal("{{ " + repeated("not ", 100'000) + "1 }}"), HasSubstr("levels deep"));
  EXPECT_THAT(refusal("{{ " + repeated("1 if 1 else ", 100'000) + "1 }}"), HasSubstr("levels deep"));
  EXPECT_THAT(refusal(repeated("{% if 1 %}", 100'000)), HasSubstr("levels deep"));
  EXPECT_THAT(refusal("{{ a" + repeated(".b", 100'000) + " }}"), HasSubstr("links"));
  EXPECT_THAT(refusal("{{ a" + repeated("[0]", 100'000) + " }}"), HasSubstr("links"));
  EXPECT_THAT(refusal("{{ a" + repeated("|trim", 100'000) + " }}"), HasSubstr("links"));
  EXPECT_THAT(refusal("{{ a" + repeated(" if 1", 100'000) + " }}"), HasSubstr("links"));
}

TEST(Parser, TakesLongChainsOfOperators) {
  EXPECT_EQ(refusal("{{ 1" + repeated(" + 1", 10'000) + " }}"), "");
  EXPECT_EQ(refusal("{{ 1" + repeated(" and 1", 10'000) + " }}"), "");
  EXPECT_EQ(refusal("{{ 1" + repeated(" ~ 1", 10'000) + " }}"), "");
  EXPECT_EQ(refusal("{% if 1 %}" + repeated("{% elif 1 %}", 10'000) + "{% endif %}"), "");
}

}  // namespace
}  // namespace yoke::jinja
