// A template as a tree.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "jinja/value.h"

namespace yoke::jinja {

struct Expression;
struct Statement;
using Block = std::vector<Statement>;
using ExpressionPointer = std::unique_ptr<Expression>;

// Expressions.

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListDisplay {
  Sequence::Kind kind;
  std::vector<Expression> items;
};
struct MappingDisplay {
  std::vector<std::pair<ExpressionPointer, ExpressionPointer>> entries;
};
struct AttributeOf {
  ExpressionPointer object;
  std::string name;
};
struct ItemOf {
  ExpressionPointer object, key;
};
struct SliceOf {
  ExpressionPointer object, start, stop, step;  // null where a bound is not given
};
struct ArgumentList {
  std::vector<Expression> positional;
  std::vector<std::pair<std::string, ExpressionPointer>> named;
};
struct Call {
  ExpressionPointer callee;
  ArgumentList arguments;
};
struct FilterCall {
  ExpressionPointer input;  // null where it is a block's text
  std::string name;
  ArgumentList arguments;
};
struct TestCall {
  ExpressionPointer subject;
  std::string name;
  ArgumentList arguments;
};
enum class UnaryOperator { not_, minus, plus };
struct Unary {
  UnaryOperator op;
  ExpressionPointer operand;
};
enum class BinaryOperator { add, subtract, multiply, divide, floor_divide, modulo, power };
/// From left to right.
struct Arithmetic {
  ExpressionPointer first;
  std::vector<std::pair<BinaryOperator, ExpressionPointer>> rest;
};
struct Concatenation {
  std::vector<Expression> parts;
};
enum class ComparisonOperator { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };
/// a < b < c means a < b and b < c.
struct Comparison {
  ExpressionPointer first;
  std::vector<std::pair<ComparisonOperator, ExpressionPointer>> rest;
};
/// `and` or `or`: gives the operand that decides.
struct Logical {
  bool is_and;
  std::vector<Expression> operands;
};
struct Conditional {
  ExpressionPointer then, condition, otherwise;  // `otherwise` may be null
};

struct Expression {
  std::variant<Literal, Name, ListDisplay, MappingDisplay, AttributeOf, ItemOf, SliceOf, Call, FilterCall,
               TestCall, Unary, Arithmetic, Concatenation, Comparison, Logical, Conditional>
      of;
  int line;
};

// Statements.

/// What is assigned to: one name, an attribute of a namespace, or several names that share a sequence.
struct Target {
  std::vector<std::string> names;
  std::string attribute;  // of the one name, where it is not empty
  bool unpacks = false;
};

struct Output {
  std::string text;  // as it stands there
};
struct Print {
  Expression expression;
};
struct If {
  std::vector<std::pair<Expression, Block>> branches;
  Block otherwise;
};
struct For {
  Target target;
  Expression iterable;
  std::optional<Expression> condition;
  Block body, otherwise;
};
struct Set {
  Target target;
  Expression value;
};
/// {% set name %}…{% endset %}
struct SetBlock {
  Target target;
  Block body;
  std::vector<FilterCall> filters;  // without an input; the first to be applied first
};
struct MacroDefinition {
  std::string name;
  std::vector<std::pair<std::string, std::optional<Expression>>> parameters;  // with defaults
  Block body;
};
struct FilterBlock {
  std::vector<FilterCall> filters;  // as in SetBlock
  Block body;
};
/// A block with names of its own: {% generation %}, with which Hugging Face marks what a model writes.
struct Scoped {
  Block body;
};
struct Break {};
struct Continue {};

struct Statement {
  std::variant<Output, Print, If, For, Set, SetBlock, MacroDefinition, FilterBlock, Scoped, Break, Continue>
      of;
  int line;
};

}  // namespace yoke::jinja
