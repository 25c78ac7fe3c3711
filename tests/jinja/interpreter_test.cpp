#include "jinja/interpreter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/error_of.h"
#include "jinja/parser.h"

namespace yoke::jinja {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string text_of(const std::string& source, const Inputs& inputs = {}) {
  return run(parse(source), inputs);
}

std::string refusal(const std::string& source) {
  return error_of([&] { text_of(source); });
}

// What a construct means is held against Jinja2 in tests/text/golden_chat_test.cpp.

TEST(Interpreter, GivesATemplateItsInputs) {
  Inputs inputs;
  inputs.variables.emplace_back("name", Value::text("ox"));
  inputs.now.tm_year = 126;
  EXPECT_EQ(text_of("{{ name }} {{ strftime_now('%Y') }}", inputs), "ox 2026");
}

TEST(Interpreter, NamesTheLineWhereATemplateFails) {
  EXPECT_EQ(refusal("{% if true %}\n\n{{ 'a' +\n1 }}{% endif %}"),
            "line 3: + does not take a string and an integer");
  EXPECT_EQ(refusal("{% macro m() %}\n{{ missing.x }}{% endmacro %}\n\n{{ m() }}"),
            "line 2: 'missing' is undefined");
  EXPECT_EQ(refusal("\n{{ raise_exception('no\x1b[1m') }}"), "line 2: the template refuses this: no\\x1b[1m");
}

TEST(Interpreter, EndsWhatWouldNotEnd) {
  const std::string nine = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}";
  const std::string ends = "{% endfor %}{% endfor %}{% endfor %}";
  EXPECT_THAT(refusal(nine + "x" + ends), HasSubstr("steps"));
  EXPECT_THAT(refusal(nine + ends), HasSubstr("steps"));
  EXPECT_THAT(refusal("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
              AllOf(StartsWith("line 1: "), HasSubstr("nested")));
  EXPECT_THAT(refusal("{% macro m(x) %}{{ x(x) }}{{ x(x) }}{% endmacro %}{{ m(m) }}"), HasSubstr("nested"));
}

TEST(Interpreter, BoundsMemory) {
  const std::string loop = "{% set ns = namespace(x='ab', l=[1]) %}{% for i in range(1000) %}";
  EXPECT_THAT(refusal(loop + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}"), HasSubstr("steps"));
  EXPECT_THAT(refusal(loop + "{% set ns.x = ns.x + ns.x %}{% endfor %}"), HasSubstr("steps"));
  EXPECT_THAT(refusal(loop + "{% set ns.x = ns.x * 1000 %}{% endfor %}"), HasSubstr("steps"));
  EXPECT_THAT(refusal(loop + "{% set ns.l = ns.l + ns.l %}{% endfor %}"), HasSubstr("steps"));
  EXPECT_THAT(refusal(loop + "{% set ns.x = ns.x.replace('', 'abcdefgh') %}{% endfor %}"),
              HasSubstr("steps"));
  EXPECT_THAT(refusal(loop + "{% set ns.x = (ns.x | list) | join(ns.x) %}{% endfor %}"), HasSubstr("steps"));
  EXPECT_THAT(refusal(loop + "{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}"),
              HasSubstr("steps"));
  EXPECT_THAT(refusal("{{ 'a' * 9999999999 }}"), HasSubstr("steps"));
  EXPECT_THAT(refusal("{{ [1] * 9223372036854775807 }}"), HasSubstr("steps"));
  EXPECT_EQ(text_of("{{ [] * 9223372036854775807 }}{{ '' * 9223372036854775807 }}"), "[]");
  EXPECT_THAT(refusal("{{ ('\\n' * 999999) | indent('a' * 99999) }}"), HasSubstr("steps"));
}

TEST(Interpreter, BoundsHowDeepValuesLieInEachOther) {
  const std::string loop = "{% set ns = namespace(x=1) %}{% for i in range(99999) %}";
  for (const char* deeper : {"[ns.x]", "(ns.x,)", "{'a': ns.x}", "[ns.x]|map('default')", "{'a': ns.x}.get"})
    EXPECT_THAT(refusal(loop + "{% set ns.x = " + deeper + " %}{% endfor %}"), HasSubstr("levels deep"))
        << deeper;
  EXPECT_THAT(refusal(loop + "{% for j in [ns.x] %}{% set ns.x = loop %}{% endfor %}{% endfor %}"),
              HasSubstr("levels deep"));
}

TEST(Interpreter, BoundsWhatIsFarLargerWrittenThanKept) {
  // Sixty lists of twice the same: 2⁶⁰ elements on paper.
  const std::string many =
      "{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
  EXPECT_THAT(refusal(many + "{{ ns.x }}"), HasSubstr("steps"));
  EXPECT_THAT(refusal(many + "{{ ns.x | tojson }}"), HasSubstr("steps"));
  EXPECT_THAT(refusal(many + "{% set y = ns.x + [] %}{{ ns.x == y }}"), HasSubstr("steps"));
}

TEST(Interpreter, RefusesAMacroWhoseNamesAreGone) {
  EXPECT_EQ(refusal("{% set ns = namespace() %}{% for i in [1] %}{% macro m() %}{{ i }}{% endmacro %}"
                    "{% set ns.m = m %}{% endfor %}{% set f = ns.m %}{{ f() }}"),
            "line 1: the macro m is called after the block that defines it");
}

TEST(Interpreter, RefusesIntegersBeyond64Bits) {
  EXPECT_EQ(refusal("{{ 9223372036854775807 + 1 }}"), "line 1: the result of + exceeds 64 bits");
  EXPECT_EQ(refusal("{{ 10 ** 30 }}"), "line 1: the result of ** exceeds 64 bits");
  EXPECT_EQ(refusal("{{ (-9223372036854775807 - 1) // -1 }}"), "line 1: the result of // exceeds 64 bits");
  EXPECT_EQ(refusal("{{ 1 // 0 }}"), "line 1: // by zero");
  EXPECT_EQ(refusal("{{ (-9223372036854775807 - 1) % -1 }}"), "");
}

TEST(Interpreter, RefusesFormatsOfDatesThatHaveNoEnd) {
  EXPECT_THAT(refusal("{{ strftime_now('%999999999d') }}"), HasSubstr("too long"));
}

}  // namespace
}  // namespace yoke::jinja
