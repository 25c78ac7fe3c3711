#include "jinja/expression_parser.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/printable.h"
#include "jinja/filters.h"
#include "jinja/methods.h"
#include "jinja/tests.h"

namespace yoke::jinja {
namespace {

ExpressionPointer boxed(Expression expression) { return std::make_unique<Expression>(std::move(expression)); }

Expression literal(Value value, int line) { return {Literal{std::move(value)}, line}; }

template <class Operator>
using OperatorNames = std::span<const std::pair<std::string_view, Operator>>;

constexpr std::array<std::pair<std::string_view, ComparisonOperator>, 6> comparisons = {
    {{"==", ComparisonOperator::equal},
     {"!=", ComparisonOperator::not_equal},
     {"<", ComparisonOperator::less},
     {"<=", ComparisonOperator::less_equal},
     {">", ComparisonOperator::greater},
     {">=", ComparisonOperator::greater_equal}}};
constexpr std::array<std::pair<std::string_view, BinaryOperator>, 2> sums = {
    {{"+", BinaryOperator::add}, {"-", BinaryOperator::subtract}}};
constexpr std::array<std::pair<std::string_view, BinaryOperator>, 4> products = {
    {{"*", BinaryOperator::multiply},
     {"/", BinaryOperator::divide},
     {"//", BinaryOperator::floor_divide},
     {"%", BinaryOperator::modulo}}};
constexpr std::array<std::pair<std::string_view, BinaryOperator>, 1> powers = {
    {{"**", BinaryOperator::power}}};

template <class Operator>
std::optional<Operator> skip_one_of(TokenStream& tokens, OperatorNames<Operator> operators) {
  for (const auto& [name, op] : operators)
    if (tokens.skip_operator(name)) return op;
  return std::nullopt;
}

/// operand (operator operand)*
template <class Parse>
Expression parse_chain(TokenStream& tokens, OperatorNames<BinaryOperator> operators,
                       const Parse& parse_operand) {
  const int line = tokens.line();
  Expression first = parse_operand();
  std::optional<BinaryOperator> op = skip_one_of(tokens, operators);
  if (!op) return first;
  Arithmetic chain{boxed(std::move(first)), {}};
  for (; op; op = skip_one_of(tokens, operators)) chain.rest.emplace_back(*op, boxed(parse_operand()));
  return {std::move(chain), line};
}

/// operand (`and` operand)*, likewise `or`
template <class Parse>
Expression parse_logical(TokenStream& tokens, bool is_and, const Parse& parse_operand) {
  const std::string_view word = is_and ? "and" : "or";
  const int line = tokens.line();
  Expression first = parse_operand();
  if (!tokens.is_name(word)) return first;
  Logical logical{is_and, {}};
  logical.operands.push_back(std::move(first));
  while (tokens.skip_name(word)) logical.operands.push_back(parse_operand());
  return {std::move(logical), line};
}

}  // namespace

Expression ExpressionParser::parse() { return parse_one(Conditions::allowed); }
Expression ExpressionParser::parse_with_commas() { return parse_list(Conditions::allowed); }
Expression ExpressionParser::parse_iterable() { return parse_list(Conditions::left_to_the_loop); }

bool ExpressionParser::ends_list() const {
  return tokens_.is(Token::Kind::expression_end) || tokens_.is(Token::Kind::block_end) ||
         tokens_.is_operator(")") || tokens_.is_name("if") || tokens_.is_name("recursive");
}

Expression ExpressionParser::parse_list(Conditions conditions) {
  const int line = tokens_.line();
  Expression first = parse_one(conditions);
  if (!tokens_.is_operator(",")) return first;
  ListDisplay tuple{Sequence::Kind::tuple, {}};
  tuple.items.push_back(std::move(first));
  while (tokens_.skip_operator(",") && !ends_list()) tuple.items.push_back(parse_one(conditions));
  return {std::move(tuple), line};
}

Expression ExpressionParser::parse_one(Conditions conditions) {
  const TokenStream::Nested nested(tokens_);
  const int line = tokens_.line();
  Expression expression = parse_or();
  std::uint32_t links = 0;
  while (conditions == Conditions::allowed && tokens_.skip_name("if")) {
    tokens_.check_chain(++links);
    Conditional conditional{boxed(std::move(expression)), boxed(parse_or()), nullptr};
    if (tokens_.skip_name("else")) conditional.otherwise = boxed(parse());
    expression = {std::move(conditional), line};
  }
  return expression;
}

Expression ExpressionParser::parse_or() {
  return parse_logical(tokens_, false, [this] { return parse_and(); });
}

Expression ExpressionParser::parse_and() {
  return parse_logical(tokens_, true, [this] { return parse_not(); });
}

Expression ExpressionParser::parse_not() {
  const int line = tokens_.line();
  if (!tokens_.skip_name("not")) return parse_comparison();
  const TokenStream::Nested nested(tokens_);
  return {Unary{UnaryOperator::not_, boxed(parse_not())}, line};
}

Expression ExpressionParser::parse_comparison() {
  const int line = tokens_.line();
  const auto skip_comparison = [this]() -> std::optional<ComparisonOperator> {
    if (tokens_.skip_name("in")) return ComparisonOperator::in;
    if (tokens_.is_name("not") && tokens_.is_name("in", 1)) {
      tokens_.next();
      tokens_.next();
      return ComparisonOperator::not_in;
    }
    return skip_one_of(tokens_, OperatorNames<ComparisonOperator>(comparisons));
  };
  Expression first = parse_sum();
  std::optional<ComparisonOperator> op = skip_comparison();
  if (!op) return first;
  Comparison comparison{boxed(std::move(first)), {}};
  for (; op; op = skip_comparison()) comparison.rest.emplace_back(*op, boxed(parse_sum()));
  return {std::move(comparison), line};
}

Expression ExpressionParser::parse_sum() {
  return parse_chain(tokens_, sums, [this] { return parse_concatenation(); });
}

Expression ExpressionParser::parse_concatenation() {
  const int line = tokens_.line();
  Expression first = parse_product();
  if (!tokens_.is_operator("~")) return first;
  Concatenation concatenation;
  concatenation.parts.push_back(std::move(first));
  while (tokens_.skip_operator("~")) concatenation.parts.push_back(parse_product());
  return {std::move(concatenation), line};
}

Expression ExpressionParser::parse_product() {
  return parse_chain(tokens_, products, [this] { return parse_power(); });
}

Expression ExpressionParser::parse_power() {
  return parse_chain(tokens_, powers, [this] { return parse_unary(true); });
}

Expression ExpressionParser::parse_unary(bool with_filters) {
  const int line = tokens_.line();
  const bool minus = tokens_.is_operator("-");
  if (!minus && !tokens_.is_operator("+")) {
    Expression operand = parse_postfix(parse_primary());
    return with_filters ? parse_filters_and_tests(std::move(operand)) : std::move(operand);
  }
  const TokenStream::Nested nested(tokens_);
  tokens_.next();
  Expression operand = {Unary{minus ? UnaryOperator::minus : UnaryOperator::plus, boxed(parse_unary(false))},
                        line};
  return with_filters ? parse_filters_and_tests(parse_postfix(std::move(operand))) : std::move(operand);
}

Expression ExpressionParser::parse_primary() {
  const int line = tokens_.line();
  switch (tokens_.peek().kind) {
    case Token::Kind::name:
      return parse_name();
    case Token::Kind::string:
      return parse_string();
    case Token::Kind::integer: {
      const std::string text = tokens_.next().text;
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc()) fail("line {}: the integer {} exceeds 64 bits", line, printable(text));
      return literal(Value::integer(value), line);
    }
    case Token::Kind::number:
      return literal(Value::number(std::strtod(tokens_.next().text.c_str(), nullptr)), line);
    default:
      break;
  }
  if (tokens_.is_operator("(") || tokens_.is_operator("[")) return parse_brackets();
  if (tokens_.is_operator("{")) return parse_mapping();
  tokens_.fail_expected("an expression");
}

Expression ExpressionParser::parse_name() {
  const int line = tokens_.line();
  std::string name = tokens_.next().text;
  if (name == "true" || name == "True") return literal(Value::boolean(true), line);
  if (name == "false" || name == "False") return literal(Value::boolean(false), line);
  if (name == "none" || name == "None") return literal(Value::none(), line);
  return {Name{std::move(name)}, line};
}

/// Strings next to each other are one.
Expression ExpressionParser::parse_string() {
  const int line = tokens_.line();
  std::string text;
  while (tokens_.is(Token::Kind::string)) text += tokens_.next().text;
  return literal(Value::text(std::move(text)), line);
}

/// A list, a tuple, or one expression in parentheses.
Expression ExpressionParser::parse_brackets() {
  const int line = tokens_.line();
  const bool list = tokens_.next().text == "[";
  const std::string_view close = list ? "]" : ")";
  ListDisplay display{list ? Sequence::Kind::list : Sequence::Kind::tuple, {}};
  bool comma = false;
  while (!tokens_.skip_operator(close)) {
    if (!display.items.empty()) {
      if (!tokens_.is_operator(",")) tokens_.fail_expected(list ? "',' or ]" : "',' or )");
      tokens_.next();
      comma = true;
      if (tokens_.skip_operator(close)) break;
    }
    display.items.push_back(parse());
  }
  if (!list && display.items.size() == 1 && !comma) return std::move(display.items.front());
  return {std::move(display), line};
}

Expression ExpressionParser::parse_mapping() {
  const int line = tokens_.line();
  tokens_.expect_operator("{");
  MappingDisplay display;
  while (!tokens_.skip_operator("}")) {
    if (!display.entries.empty()) {
      tokens_.expect_operator(",");
      if (tokens_.skip_operator("}")) break;
    }
    ExpressionPointer key = boxed(parse());
    tokens_.expect_operator(":");
    display.entries.emplace_back(std::move(key), boxed(parse()));
  }
  return {std::move(display), line};
}

Expression ExpressionParser::parse_postfix(Expression expression) {
  for (std::uint32_t links = 0;; tokens_.check_chain(++links)) {
    if (tokens_.is_operator("."))
      expression = parse_attribute(std::move(expression));
    else if (tokens_.is_operator("["))
      expression = parse_item(std::move(expression));
    else if (tokens_.is_operator("("))
      expression = parse_call(std::move(expression));
    else
      return expression;
  }
}

Expression ExpressionParser::parse_attribute(Expression object) {
  const int line = tokens_.line();
  tokens_.expect_operator(".");
  if (tokens_.is(Token::Kind::integer))
    return {ItemOf{boxed(std::move(object)), boxed(parse_primary())}, line};
  std::string name = tokens_.expect_name();
  return {AttributeOf{boxed(std::move(object)), std::move(name)}, line};
}

Expression ExpressionParser::parse_item(Expression object) {
  const int line = tokens_.line();
  tokens_.expect_operator("[");
  ExpressionPointer key;
  if (!tokens_.is_operator(":")) key = boxed(parse_with_commas());
  if (tokens_.is_operator(":")) return parse_slice(std::move(object), std::move(key), line);
  tokens_.expect_operator("]");
  return {ItemOf{boxed(std::move(object)), std::move(key)}, line};
}

/// From the first colon on.
Expression ExpressionParser::parse_slice(Expression object, ExpressionPointer start, int line) {
  SliceOf slice{boxed(std::move(object)), std::move(start), nullptr, nullptr};
  tokens_.expect_operator(":");
  if (!tokens_.is_operator(":") && !tokens_.is_operator("]")) slice.stop = boxed(parse());
  if (tokens_.skip_operator(":") && !tokens_.is_operator("]")) slice.step = boxed(parse());
  tokens_.expect_operator("]");
  return {std::move(slice), line};
}

Expression ExpressionParser::parse_call(Expression callee) {
  const int line = tokens_.line();
  const auto* attribute = std::get_if<AttributeOf>(&callee.of);
  if (attribute != nullptr && !is_method(attribute->name))
    tokens_.fail_here("the method {}() is not supported", printable(attribute->name));
  if (const auto* name = std::get_if<Name>(&callee.of)) called_.emplace_back(name->name, line);
  ArgumentList arguments = parse_arguments();
  return {Call{boxed(std::move(callee)), std::move(arguments)}, line};
}

ArgumentList ExpressionParser::parse_arguments() {
  ArgumentList arguments;
  tokens_.expect_operator("(");
  for (bool first = true; !tokens_.skip_operator(")"); first = false) {
    if (!first) {
      tokens_.expect_operator(",");
      if (tokens_.skip_operator(")")) break;
    }
    if (tokens_.is_operator("*") || tokens_.is_operator("**"))
      tokens_.fail_here("arguments after * and ** are not supported");
    const bool named = tokens_.is(Token::Kind::name) && tokens_.peek(1).kind == Token::Kind::operator_ &&
                       tokens_.peek(1).text == "=";
    if (named) {
      std::string name = tokens_.next().text;
      tokens_.expect_operator("=");
      arguments.named.emplace_back(std::move(name), boxed(parse()));
    } else {
      if (!arguments.named.empty()) tokens_.fail_here("an argument without a name follows one with a name");
      arguments.positional.push_back(parse());
    }
  }
  return arguments;
}

FilterCall ExpressionParser::parse_filter() {
  const int line = tokens_.line();
  FilterCall filter{nullptr, tokens_.expect_name(), {}};
  if (!is_filter(filter.name)) fail("line {}: the filter {} is not supported", line, printable(filter.name));
  if (tokens_.is_operator("(")) filter.arguments = parse_arguments();
  return filter;
}

std::vector<FilterCall> ExpressionParser::parse_filters() {
  std::vector<FilterCall> filters;
  do filters.push_back(parse_filter());
  while (tokens_.skip_operator("|"));
  return filters;
}

Expression ExpressionParser::parse_filters_and_tests(Expression expression) {
  for (std::uint32_t links = 0;; tokens_.check_chain(++links)) {
    const int line = tokens_.line();
    if (tokens_.skip_operator("|")) {
      FilterCall filter = parse_filter();
      filter.input = boxed(std::move(expression));
      expression = {std::move(filter), line};
    } else if (tokens_.is_name("is")) {
      expression = parse_test(std::move(expression));
    } else if (tokens_.is_operator("(")) {
      expression = parse_call(std::move(expression));
    } else {
      return expression;
    }
  }
}

Expression ExpressionParser::parse_test(Expression subject) {
  const int line = tokens_.line();
  tokens_.next();  // is
  const bool negated = tokens_.skip_name("not");
  TestCall test{boxed(std::move(subject)), tokens_.expect_name(), {}};
  if (!is_test(test.name)) fail("line {}: the test {} is not supported", line, printable(test.name));
  test.arguments = parse_test_arguments();
  Expression result = {std::move(test), line};
  if (!negated) return result;
  return {Unary{UnaryOperator::not_, boxed(std::move(result))}, line};
}

/// In parentheses, or one without them: x is divisibleby 3.
ArgumentList ExpressionParser::parse_test_arguments() {
  if (tokens_.is_operator("(")) return parse_arguments();
  ArgumentList arguments;
  const Token::Kind kind = tokens_.peek().kind;
  const bool value = kind == Token::Kind::string || kind == Token::Kind::integer ||
                     kind == Token::Kind::number || tokens_.is_operator("[") || tokens_.is_operator("{");
  static constexpr std::array<std::string_view, 7> not_values = {"else", "or", "and", "if",
                                                                 "is",   "in", "not"};
  bool name = kind == Token::Kind::name;
  for (const std::string_view word : not_values) name = name && !tokens_.is_name(word);
  if (value || name) arguments.positional.push_back(parse_postfix(parse_primary()));
  return arguments;
}

}  // namespace yoke::jinja
