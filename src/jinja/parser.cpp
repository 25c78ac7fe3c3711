#include "jinja/parser.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "base/printable.h"
#include "jinja/expression_parser.h"
#include "jinja/lexer.h"
#include "jinja/token_stream.h"

namespace yoke::jinja {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::array<std::string_view, 4> functions = {"range", "namespace", "raise_exception",
                                                       "strftime_now"};

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)), expressions_(tokens_) {}

  Block run() {
    Block block = parse_block({});
    check_calls();
    return block;
  }

 private:
  /// Statements up to {% and one of the words `ends`, which stay; without words, up to the template's end.
  Block parse_block(Words ends) {
    const TokenStream::Nested nested(tokens_);
    Block block;
    while (true) {
      const int line = tokens_.line();
      if (tokens_.is(Token::Kind::text)) {
        block.push_back({Output{tokens_.next().text}, line});
      } else if (tokens_.is(Token::Kind::expression_begin)) {
        tokens_.next();
        block.push_back({Print{expressions_.parse_with_commas()}, line});
        tokens_.expect(Token::Kind::expression_end, "}}");
      } else if (tokens_.is(Token::Kind::end)) {
        if (!ends.empty())
          tokens_.fail_here("expected {{% {} %}}, found the end of the template", ends.back());
        return block;
      } else {
        tokens_.next();  // {%
        if (is_one_of(ends)) return block;
        block.push_back(parse_statement(line));
      }
    }
  }

  bool is_one_of(Words words) const {
    return std::any_of(words.begin(), words.end(),
                       [this](std::string_view word) { return tokens_.is_name(word); });
  }

  void end_of_tag() { tokens_.expect(Token::Kind::block_end, "%}"); }

  /// The statements of a block that {% end %} ends, and that end.
  Block parse_body(std::string_view end) {
    end_of_tag();
    Block body = parse_block(std::array{end});
    tokens_.next();
    end_of_tag();
    return body;
  }

  /// Of a block that is rendered by itself: a loop around it cannot be left from within.
  Block parse_own_body(std::string_view end) {
    const int around = std::exchange(loops_, 0);
    Block body = parse_body(end);
    loops_ = around;
    return body;
  }

  /// From its first word on.
  Statement parse_statement(int line) {
    const std::string word = tokens_.expect_name();
    if (word == "if") return {parse_if(), line};
    if (word == "for") return {parse_for(), line};
    if (word == "set") return parse_set(line);
    if (word == "macro") return {parse_macro(), line};
    if (word == "filter") return {parse_filter_block(), line};
    if (word == "generation") return {Scoped{parse_own_body("endgeneration")}, line};
    if (word == "break") return parse_jump(Break{}, word, line);
    if (word == "continue") return parse_jump(Continue{}, word, line);
    fail("line {}: the statement {{% {} %}} is not supported here", line, printable(word));
  }

  If parse_if() {
    If statement;
    bool more = true;
    while (more) {
      Expression condition = expressions_.parse_with_commas();
      end_of_tag();
      Block body = parse_block(std::array<std::string_view, 3>{"elif", "else", "endif"});
      statement.branches.emplace_back(std::move(condition), std::move(body));
      more = tokens_.skip_name("elif");
    }
    if (tokens_.skip_name("else")) {
      end_of_tag();
      statement.otherwise = parse_block(std::array<std::string_view, 1>{"endif"});
    }
    tokens_.next();
    end_of_tag();
    return statement;
  }

  For parse_for() {
    Target target = parse_target();
    if (!tokens_.skip_name("in")) tokens_.fail_expected("in");
    For statement{std::move(target), expressions_.parse_iterable(), std::nullopt, {}, {}};
    if (tokens_.skip_name("if")) statement.condition = expressions_.parse();
    if (tokens_.is_name("recursive")) tokens_.fail_here("recursive loops are not supported");
    end_of_tag();
    ++loops_;
    statement.body = parse_block(std::array<std::string_view, 2>{"else", "endfor"});
    --loops_;
    if (tokens_.skip_name("else")) {
      end_of_tag();
      statement.otherwise = parse_block(std::array<std::string_view, 1>{"endfor"});
    }
    tokens_.next();
    end_of_tag();
    return statement;
  }

  Statement parse_set(int line) {
    Target target = parse_target();
    if (tokens_.is_operator(".")) {
      if (target.unpacks) tokens_.fail_here("attributes among several targets are not supported");
      tokens_.next();
      target.attribute = tokens_.expect_name();
    }
    if (tokens_.skip_operator("=")) {
      Set set{std::move(target), expressions_.parse_with_commas()};
      end_of_tag();
      return {std::move(set), line};
    }
    SetBlock set{std::move(target), {}, {}};
    if (tokens_.skip_operator("|")) set.filters = expressions_.parse_filters();
    set.body = parse_own_body("endset");
    return {std::move(set), line};
  }

  /// One name, or several with commas between them, in parentheses or not.
  Target parse_target() {
    Target target;
    const bool parentheses = tokens_.skip_operator("(");
    target.names.push_back(parse_bound_name());
    while (tokens_.skip_operator(",")) {
      target.unpacks = true;
      if (!tokens_.is(Token::Kind::name) || tokens_.is_name("in")) break;
      target.names.push_back(parse_bound_name());
    }
    if (parentheses) tokens_.expect_operator(")");
    return target;
  }

  std::string parse_bound_name() {
    std::string name = tokens_.expect_name();
    bound_.insert(name);
    return name;
  }

  MacroDefinition parse_macro() {
    MacroDefinition macro{parse_bound_name(), {}, {}};
    tokens_.expect_operator("(");
    while (!tokens_.skip_operator(")")) {
      if (!macro.parameters.empty()) tokens_.expect_operator(",");
      std::string name = parse_bound_name();
      std::optional<Expression> otherwise;
      if (tokens_.skip_operator("=")) otherwise = expressions_.parse();
      if (!otherwise && !macro.parameters.empty() && macro.parameters.back().second)
        tokens_.fail_here("a parameter without a default follows one with a default");
      macro.parameters.emplace_back(std::move(name), std::move(otherwise));
    }
    macro.body = parse_own_body("endmacro");
    return macro;
  }

  FilterBlock parse_filter_block() {
    FilterBlock block{expressions_.parse_filters(), {}};
    block.body = parse_own_body("endfilter");
    return block;
  }

  template <class Jump>
  Statement parse_jump(Jump jump, std::string_view word, int line) {
    if (loops_ == 0) fail("line {}: {{% {} %}} stands outside of a loop", line, word);
    end_of_tag();
    return {jump, line};
  }

  void check_calls() const {
    for (const auto& [name, line] : expressions_.called()) {
      const bool known =
          bound_.contains(name) || std::find(functions.begin(), functions.end(), name) != functions.end();
      if (!known) fail("line {}: the function {}() is not supported", line, printable(name));
    }
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  std::set<std::string, std::less<>> bound_;  // names that the template gives to something
  int loops_ = 0;                             // around the current place
};

}  // namespace

Block parse(std::string_view source) { return Parser(source).run(); }

}  // namespace yoke::jinja
