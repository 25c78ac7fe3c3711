// Python's operators.
#pragma once

#include "jinja/ast.h"
#include "jinja/budget.h"
#include "jinja/value.h"

namespace yoke::jinja {

// All throw Error for operands that the operator does not take, and for integers beyond 64 bits.
Value apply(BinaryOperator op, const Value& left, const Value& right, Budget& budget);
Value with_sign(UnaryOperator op, const Value& operand);  // plus or minus
bool compares(ComparisonOperator op, const Value& left, const Value& right, Budget& budget);

}  // namespace yoke::jinja
