// Expressions of a template. Precedence, from loose to tight: if-else, or, and, not, comparisons, + and -, ~,
// * / // %, **, signs, filters and tests, attributes and calls.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "jinja/ast.h"
#include "jinja/token_stream.h"

namespace yoke::jinja {

class ExpressionParser {
 public:
  /// `tokens` outlives it.
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  // All throw Error "line 3: …" for what is no expression, and for filters, tests and methods that are not
  // known.
  Expression parse();
  /// Several with commas between them are a tuple.
  Expression parse_with_commas();
  /// What a loop goes through: without if-else, for an `if` there belongs to the loop.
  Expression parse_iterable();
  /// A filter's name and arguments, then those of filters after it: trim | upper.
  std::vector<FilterCall> parse_filters();

  /// Names that are called, with their lines.
  const std::vector<std::pair<std::string, int>>& called() const { return called_; }

 private:
  enum class Conditions { allowed, left_to_the_loop };
  Expression parse_list(Conditions conditions);
  Expression parse_one(Conditions conditions);
  bool ends_list() const;

  Expression parse_or();
  Expression parse_and();
  Expression parse_not();
  Expression parse_comparison();
  Expression parse_sum();
  Expression parse_concatenation();
  Expression parse_product();
  Expression parse_power();
  Expression parse_unary(bool with_filters);
  Expression parse_primary();
  Expression parse_name();
  Expression parse_string();
  Expression parse_brackets();
  Expression parse_mapping();

  Expression parse_postfix(Expression expression);
  Expression parse_attribute(Expression object);
  Expression parse_item(Expression object);
  Expression parse_slice(Expression object, ExpressionPointer start, int line);
  Expression parse_call(Expression callee);
  Expression parse_filters_and_tests(Expression expression);
  Expression parse_test(Expression subject);
  FilterCall parse_filter();
  ArgumentList parse_arguments();
  ArgumentList parse_test_arguments();

  TokenStream& tokens_;
  std::vector<std::pair<std::string, int>> called_;
};

}  // namespace yoke::jinja
