#include "jinja/lexer.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/error_of.h"

namespace yoke::jinja {
namespace {

TEST(Lexer, CountsLinesThroughTextBlocksAndComments) {
  const std::vector<Token> tokens = tokenize("a\n{# \n #}{{ x\n+ 'y\nz' }}\n{%- if w %}");
  const auto line_of = [&](std::string_view text) {
    for (const Token& token : tokens)
      if (token.text == text) return token.line;
    return 0;
  };
  EXPECT_EQ(line_of("x"), 3);
  EXPECT_EQ(line_of("+"), 4);
  EXPECT_EQ(line_of("w"), 6);
}

TEST(Lexer, EndsWithTheEnd) {
  EXPECT_EQ(tokenize("").back().kind, Token::Kind::end);
  EXPECT_EQ(tokenize("").size(), 1U);
}

TEST(Lexer, TellsInWhichLineSomethingIsWrong) {
  EXPECT_EQ(error_of([] { tokenize("\n\n{{ 'a }}"); }), "line 3: the string has no end");
  EXPECT_EQ(error_of([] { tokenize("\n{{ a\n\n"); }), "line 2: the expression has no end");
  EXPECT_EQ(error_of([] { tokenize("{{ ? }}"); }), "line 1: \"?\" has no meaning here");
  EXPECT_EQ(error_of([] { tokenize("{{ '\\ud800' }}"); }), "line 1: \"\\ud800\" is no character");
  EXPECT_EQ(error_of([] { tokenize("\xC3"); }), "it is not UTF-8");
}

}  // namespace
}  // namespace yoke::jinja
