#include "jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "jinja/printing.h"

namespace yoke::jinja {
namespace {

std::string_view name_of(BinaryOperator op) {
  switch (op) {
    case BinaryOperator::add:
      return "+";
    case BinaryOperator::subtract:
      return "-";
    case BinaryOperator::multiply:
      return "*";
    case BinaryOperator::divide:
      return "/";
    case BinaryOperator::floor_divide:
      return "//";
    case BinaryOperator::modulo:
      return "%";
    case BinaryOperator::power:
      break;
  }
  return "**";
}

[[noreturn]] void fail_overflow(BinaryOperator op) { fail("the result of {} exceeds 64 bits", name_of(op)); }

std::int64_t integer_power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  while (exponent > 0) {
    if (exponent % 2 != 0 && __builtin_mul_overflow(result, base, &result))
      fail_overflow(BinaryOperator::power);
    exponent /= 2;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) fail_overflow(BinaryOperator::power);
  }
  return result;
}

/// Rounds down, as Python does.
std::int64_t floor_quotient(std::int64_t left, std::int64_t right) {
  if (right == -1) {
    if (__builtin_sub_overflow(std::int64_t{0}, left, &left)) fail_overflow(BinaryOperator::floor_divide);
    return left;
  }
  const std::int64_t quotient = left / right;
  return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
}

/// Has the divisor's sign, as in Python.
std::int64_t integer_modulo(std::int64_t left, std::int64_t right) {
  if (right == -1) return 0;
  const std::int64_t remainder = left % right;
  return remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder;
}

double number_modulo(double left, double right) {
  const double remainder = std::fmod(left, right);
  return remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder;
}

Value of_numbers(BinaryOperator op, double left, double right) {
  const bool divides =
      op == BinaryOperator::divide || op == BinaryOperator::floor_divide || op == BinaryOperator::modulo;
  require(!divides || right != 0, "{} by zero", name_of(op));
  switch (op) {
    case BinaryOperator::add:
      return Value::number(left + right);
    case BinaryOperator::subtract:
      return Value::number(left - right);
    case BinaryOperator::multiply:
      return Value::number(left * right);
    case BinaryOperator::divide:
      return Value::number(left / right);
    case BinaryOperator::floor_divide:
      return Value::number(std::floor(left / right));
    case BinaryOperator::modulo:
      return Value::number(number_modulo(left, right));
    case BinaryOperator::power:
      break;
  }
  return Value::number(std::pow(left, right));
}

Value of_integers(BinaryOperator op, std::int64_t left, std::int64_t right) {
  std::int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case BinaryOperator::add:
      overflow = __builtin_add_overflow(left, right, &result);
      break;
    case BinaryOperator::subtract:
      overflow = __builtin_sub_overflow(left, right, &result);
      break;
    case BinaryOperator::multiply:
      overflow = __builtin_mul_overflow(left, right, &result);
      break;
    case BinaryOperator::floor_divide:
    case BinaryOperator::modulo:
      require(right != 0, "{} by zero", name_of(op));
      result = op == BinaryOperator::modulo ? integer_modulo(left, right) : floor_quotient(left, right);
      break;
    case BinaryOperator::power:
      if (right < 0) return of_numbers(op, static_cast<double>(left), static_cast<double>(right));
      result = integer_power(left, right);
      break;
    case BinaryOperator::divide:
      return of_numbers(op, static_cast<double>(left), static_cast<double>(right));
  }
  if (overflow) fail_overflow(op);
  return Value::integer(result);
}

const Text* if_text(const Value& value) {
  const auto* text = std::get_if<std::shared_ptr<const Text>>(&value.storage());
  return text == nullptr ? nullptr : text->get();
}

/// A safe text makes the whole one safe, what is joined to it being escaped.
Value joined(const Text& left, const Text& right, Budget& budget) {
  const bool safe = left.safe || right.safe;
  const auto part = [safe](const Text& text) {
    return safe && !text.safe ? escaped_as_html(text.bytes) : text.bytes;
  };
  budget.spend_bytes((safe ? 6 : 1) * (left.bytes.size() + right.bytes.size()));
  return Value(Value::Storage(std::make_shared<const Text>(Text{part(left) + part(right), safe})));
}

Value make_sequence(Sequence::Kind kind, std::vector<Value> items) {
  return kind == Sequence::Kind::list ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

Value joined(const Sequence& left, const Sequence& right, Budget& budget) {
  budget.spend(2 * (left.items.size() + right.items.size()));
  std::vector<Value> items = left.items;
  items.insert(items.end(), right.items.begin(), right.items.end());
  return make_sequence(left.kind, std::move(items));
}

std::uint64_t times_of(std::int64_t count) { return count < 0 ? 0 : static_cast<std::uint64_t>(count); }

/// What `times` times `size` costs, at most more than any budget holds.
std::uint64_t product(std::uint64_t times, std::uint64_t size) {
  std::uint64_t result = 0;
  return __builtin_mul_overflow(times, size, &result) ? ~std::uint64_t{0} : result;
}

/// text * 3 and list * 3; nothing for other operands.
std::optional<Value> repeated(const Value& what, const Value& count, Budget& budget) {
  if (!count.if_integer()) return std::nullopt;
  const std::uint64_t times = times_of(*count.if_integer());
  if (const Text* text = if_text(what)) {
    budget.spend(1 + product(times, text->bytes.size()) / 16);
    std::string result;
    for (std::uint64_t i = 0; i < times && !text->bytes.empty(); ++i) result += text->bytes;
    return Value::text(std::move(result));
  }
  if (const Sequence* sequence = what.if_sequence()) {
    budget.spend(1 + product(times, 2 * sequence->items.size()));
    std::vector<Value> items;
    for (std::uint64_t i = 0; i < times && !sequence->items.empty(); ++i)
      items.insert(items.end(), sequence->items.begin(), sequence->items.end());
    return make_sequence(sequence->kind, std::move(items));
  }
  return std::nullopt;
}

}  // namespace

Value apply(BinaryOperator op, const Value& left, const Value& right, Budget& budget) {
  refuse_undefined(left);
  refuse_undefined(right);
  if (left.if_integer() && right.if_integer())
    return of_integers(op, *left.if_integer(), *right.if_integer());
  if (left.if_number() && right.if_number()) return of_numbers(op, *left.if_number(), *right.if_number());
  if (op == BinaryOperator::add) {
    const Text* text = if_text(left);
    if (text != nullptr && if_text(right) != nullptr) return joined(*text, *if_text(right), budget);
    const Sequence *one = left.if_sequence(), *other = right.if_sequence();
    if (one != nullptr && other != nullptr && one->kind == other->kind) return joined(*one, *other, budget);
  }
  if (op == BinaryOperator::multiply) {
    if (std::optional<Value> result = repeated(left, right, budget)) return *std::move(result);
    if (std::optional<Value> result = repeated(right, left, budget)) return *std::move(result);
  }
  if (op == BinaryOperator::modulo && if_text(left) != nullptr)
    fail("formatting a string with % is not supported");
  fail("{} does not take {} and {}", name_of(op), left.kind(), right.kind());
}

Value with_sign(UnaryOperator op, const Value& operand) {
  refuse_undefined(operand);
  if (const std::optional<std::int64_t> integer = operand.if_integer())
    return op == UnaryOperator::minus ? of_integers(BinaryOperator::subtract, 0, *integer)
                                      : Value::integer(*integer);
  if (const std::optional<double> number = operand.if_number())
    return Value::number(op == UnaryOperator::minus ? -*number : *number);
  fail("{} has no sign", operand.kind());
}

bool compares(ComparisonOperator op, const Value& left, const Value& right, Budget& budget) {
  switch (op) {
    case ComparisonOperator::equal:
      return equals(left, right, budget);
    case ComparisonOperator::not_equal:
      return !equals(left, right, budget);
    case ComparisonOperator::less:
      return compare(left, right, budget) < 0;
    case ComparisonOperator::less_equal:
      return compare(left, right, budget) <= 0;
    case ComparisonOperator::greater:
      return compare(left, right, budget) > 0;
    case ComparisonOperator::greater_equal:
      return compare(left, right, budget) >= 0;
    case ComparisonOperator::in:
      return contains(right, left, budget);
    case ComparisonOperator::not_in:
      break;
  }
  return !contains(right, left, budget);
}

}  // namespace yoke::jinja
