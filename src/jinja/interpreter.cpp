#include "jinja/interpreter.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/error.h"
#include "base/printable.h"
#include "jinja/access.h"
#include "jinja/filters.h"
#include "jinja/methods.h"
#include "jinja/operators.h"
#include "jinja/printing.h"
#include "jinja/scope.h"
#include "jinja/tests.h"

namespace yoke::jinja {
namespace {

constexpr std::int64_t longest_range = 100'000;  // Jinja's sandbox has the same

enum class Flow { goes_on, breaks, continues };

const std::array<std::pair<std::string_view, Builtin>, 4> builtins = {
    {{"range", Builtin::range},
     {"namespace", Builtin::make_namespace},
     {"raise_exception", Builtin::raise_exception},
     {"strftime_now", Builtin::strftime_now}}};

class Interpreter {
 public:
  Interpreter(const Inputs& inputs, const Limits& limits)
      : now_(inputs.now), budget_(limits), scope_(std::make_shared<Scope>(nullptr)) {
    for (const auto& [name, function] : builtins) scope_->set(name, Value(Value::Storage(function)));
    for (const auto& [name, value] : inputs.variables) scope_->set(name, value);
  }

  std::string run(const Block& block) {
    try {
      execute(block);
    } catch (const Error& error) {
      fail("line {}: {}", line_, error.what());
    }
    return std::move(output_);
  }

 private:
  // Statements.

  Flow execute(const Block& block) {
    const Budget::Nested nested(budget_);
    for (const Statement& statement : block) {
      budget_.spend(1);
      line_ = statement.line;
      const Flow flow = std::visit([this](const auto& of) { return execute(of); }, statement.of);
      if (flow != Flow::goes_on) return flow;
    }
    return Flow::goes_on;
  }

  Flow execute(const Output& output) { return write(output.text); }
  Flow execute(const Print& print) { return write(to_text(evaluate(print.expression), budget_)); }

  Flow write(std::string_view text) {
    budget_.spend_bytes(text.size());
    output_ += text;
    return Flow::goes_on;
  }

  Flow execute(const If& statement) {
    for (const auto& [condition, body] : statement.branches)
      if (evaluate(condition).is_true()) return execute(body);
    return execute(statement.otherwise);
  }

  Flow execute(const For& statement) {
    std::vector<Value> items = elements(evaluate(statement.iterable), budget_);
    if (statement.condition) items = those_that_hold(statement, std::move(items));
    if (items.empty()) return execute(statement.otherwise);
    const std::shared_ptr<Loop> loop = make_loop(std::move(items));
    Flow flow = Flow::goes_on;
    for (; loop->index < loop->items.size() && flow != Flow::breaks; ++loop->index)
      flow = within_scope(scope_, [&] {
        bind(statement.target, loop->items[loop->index]);
        scope_->set("loop", Value(Value::Storage(std::shared_ptr<const Loop>(loop))));
        return execute(statement.body);
      });
    return Flow::goes_on;
  }

  std::vector<Value> those_that_hold(const For& statement, std::vector<Value> items) {
    std::vector<Value> kept;
    for (Value& item : items) {
      const bool holds = within_scope(scope_, [&] {
        bind(statement.target, item);
        return evaluate(*statement.condition).is_true();
      });
      if (holds) kept.push_back(std::move(item));
    }
    return kept;
  }

  static std::shared_ptr<Loop> make_loop(std::vector<Value> items) {
    const std::uint32_t depth = depth_over(items);
    return std::make_shared<Loop>(Loop{std::move(items), 0, depth});
  }

  Flow execute(const Set& set) {
    Value value = evaluate(set.value);
    return assign(set.target, std::move(value));
  }

  Flow execute(const SetBlock& set) {
    std::string text = capture(scope_, [&] { execute(set.body); });
    return assign(set.target, filtered(Value::text(std::move(text)), set.filters));
  }

  Flow execute(const FilterBlock& block) {
    std::string text = capture(scope_, [&] { execute(block.body); });
    return write(to_text(filtered(Value::text(std::move(text)), block.filters), budget_));
  }

  Flow execute(const Scoped& block) {
    return within_scope(scope_, [&] { return execute(block.body); });
  }

  Flow execute(const MacroDefinition& definition) {
    scope_->set(definition.name,
                Value(Value::Storage(std::make_shared<const Macro>(Macro{&definition, scope_}))));
    return Flow::goes_on;
  }

  Flow execute(Break) { return Flow::breaks; }
  Flow execute(Continue) { return Flow::continues; }

  // Names.

  /// Runs `work` with a new scope inside `around`.
  template <class Work>
  std::invoke_result_t<Work> within_scope(const std::shared_ptr<Scope>& around, const Work& work) {
    budget_.spend(2);
    std::shared_ptr<Scope> before = std::exchange(scope_, std::make_shared<Scope>(around));
    auto result = work();
    scope_ = std::move(before);
    return result;
  }

  /// What `work` writes with a new scope inside `around`.
  template <class Work>
  std::string capture(const std::shared_ptr<Scope>& around, const Work& work) {
    std::string before = std::exchange(output_, "");
    within_scope(around, [&] {
      work();
      return 0;
    });
    return std::exchange(output_, std::move(before));
  }

  /// Gives names, never attributes.
  void bind(const Target& target, const Value& value) {
    if (!target.unpacks) return scope_->set(target.names.front(), value);
    std::vector<Value> items = elements(value, budget_);
    require(items.size() == target.names.size(), "{} values are given to {} names", items.size(),
            target.names.size());
    for (std::size_t i = 0; i < items.size(); ++i) scope_->set(target.names[i], std::move(items[i]));
  }

  Flow assign(const Target& target, Value value) {
    if (target.attribute.empty()) {
      bind(target, value);
      return Flow::goes_on;
    }
    const Value owner = look_up(target.names.front());
    const auto* space = std::get_if<Namespace*>(&owner.storage());
    if (space == nullptr) fail("only a namespace's attributes can be set, not those of {}", owner.kind());
    set_attribute(**space, target.attribute, std::move(value));
    return Flow::goes_on;
  }

  static void set_attribute(Namespace& space, const std::string& name, Value value) {
    for (auto& [other, old] : space.attributes)
      if (other == name) {
        old = std::move(value);
        return;
      }
    space.attributes.emplace_back(name, std::move(value));
  }

  Value look_up(const std::string& name) const {
    const Value* found = scope_->find(name);
    return found != nullptr ? *found : Value::undefined(fmt::format("'{}' is undefined", printable(name)));
  }

  // Expressions.

  Value evaluate(const Expression& expression) {
    const Budget::Nested nested(budget_);
    budget_.spend(1);
    const int line = std::exchange(line_, expression.line);
    Value value = std::visit([this](const auto& of) { return evaluate(of); }, expression.of);
    line_ = line;  // what throws leaves its own
    return value;
  }

  Value evaluate(const Literal& literal) { return literal.value; }
  Value evaluate(const Name& name) { return look_up(name.name); }

  Value evaluate(const ListDisplay& display) {
    std::vector<Value> items;
    for (const Expression& item : display.items) items.push_back(evaluate(item));
    return display.kind == Sequence::Kind::list ? Value::list(std::move(items))
                                                : Value::tuple(std::move(items));
  }

  Value evaluate(const MappingDisplay& display) {
    std::vector<std::pair<Value, Value>> entries;
    for (const auto& [key_expression, value_expression] : display.entries) {
      Value key = evaluate(*key_expression);
      require(key.depth() == 0, "{} cannot be a key", key.kind());
      Value value = evaluate(*value_expression);
      const auto same = [&](const auto& entry) { return equals(entry.first, key, budget_); };
      const auto before = std::find_if(entries.begin(), entries.end(), same);
      if (before == entries.end())
        entries.emplace_back(std::move(key), std::move(value));
      else
        before->second = std::move(value);
    }
    return Value::mapping(std::move(entries));
  }

  Value evaluate(const AttributeOf& of) { return attribute(evaluate(*of.object), of.name, budget_); }

  Value evaluate(const ItemOf& of) {
    const Value object = evaluate(*of.object);
    return item(object, evaluate(*of.key), budget_);
  }

  Value evaluate(const SliceOf& of) {
    const Value object = evaluate(*of.object);
    const auto bound = [this](const ExpressionPointer& given) {
      return given ? evaluate(*given) : Value::none();
    };
    const Value start = bound(of.start), stop = bound(of.stop), step = bound(of.step);
    return slice(object, start, stop, step, budget_);
  }

  Value evaluate(const FilterCall& filter) { return filtered(evaluate(*filter.input), filter); }

  Value evaluate(const TestCall& test) {
    const Value subject = evaluate(*test.subject);
    return Value::boolean(passes_test(test.name, subject, evaluate(test.arguments), budget_));
  }

  Value evaluate(const Unary& unary) {
    const Value operand = evaluate(*unary.operand);
    return unary.op == UnaryOperator::not_ ? Value::boolean(!operand.is_true())
                                           : with_sign(unary.op, operand);
  }

  Value evaluate(const Arithmetic& arithmetic) {
    Value value = evaluate(*arithmetic.first);
    for (const auto& [op, operand] : arithmetic.rest) value = apply(op, value, evaluate(*operand), budget_);
    return value;
  }

  Value evaluate(const Concatenation& concatenation) {
    std::string text;
    for (const Expression& part : concatenation.parts) text += to_text(evaluate(part), budget_);
    return Value::text(std::move(text));
  }

  Value evaluate(const Comparison& comparison) {
    Value left = evaluate(*comparison.first);
    for (const auto& [op, operand] : comparison.rest) {
      Value right = evaluate(*operand);
      if (!compares(op, left, right, budget_)) return Value::boolean(false);
      left = std::move(right);
    }
    return Value::boolean(true);
  }

  Value evaluate(const Logical& logical) {
    Value value;
    for (const Expression& operand : logical.operands) {
      value = evaluate(operand);
      if (value.is_true() != logical.is_and) return value;
    }
    return value;
  }

  Value evaluate(const Conditional& conditional) {
    if (evaluate(*conditional.condition).is_true()) return evaluate(*conditional.then);
    if (conditional.otherwise) return evaluate(*conditional.otherwise);
    return Value::undefined("the condition does not hold, and there is no else");
  }

  Arguments evaluate(const ArgumentList& list) {
    Arguments arguments;
    for (const Expression& argument : list.positional) arguments.positional.push_back(evaluate(argument));
    for (const auto& [name, argument] : list.named) arguments.named.emplace_back(name, evaluate(*argument));
    return arguments;
  }

  Value filtered(const Value& input, const FilterCall& filter) {
    return apply_filter(filter.name, input, evaluate(filter.arguments), budget_);
  }

  Value filtered(Value value, const std::vector<FilterCall>& filters) {
    for (const FilterCall& filter : filters) value = filtered(value, filter);
    return value;
  }

  // Calls.

  Value evaluate(const Call& call) {
    const Value callee = evaluate(*call.callee);
    const Arguments arguments = evaluate(call.arguments);
    refuse_undefined(callee);
    if (const auto* method = std::get_if<std::shared_ptr<const Method>>(&callee.storage()))
      return jinja::call(**method, arguments, budget_);
    if (const auto* macro = std::get_if<std::shared_ptr<const Macro>>(&callee.storage()))
      return call_macro(**macro, arguments);
    if (const auto* function = std::get_if<Builtin>(&callee.storage()))
      return call_builtin(*function, arguments);
    fail("{} is called, which is no function", callee.kind());
  }

  Value call_macro(const Macro& macro, const Arguments& arguments) {
    const std::shared_ptr<Scope> around = macro.scope.lock();
    require(around != nullptr, "the macro {} is called after the block that defines it",
            printable(macro.definition->name));
    std::string text = capture(around, [&] {
      give_parameters(*macro.definition, arguments);
      execute(macro.definition->body);
    });
    return Value::text(std::move(text));
  }

  /// A default may use the parameters before it.
  void give_parameters(const MacroDefinition& macro, const Arguments& arguments) {
    const std::string callee = fmt::format("the macro {}", printable(macro.name));
    ArgumentReader reader(callee, arguments);
    for (const auto& [name, otherwise] : macro.parameters) {
      std::optional<Value> given = reader.take(name);
      if (!given && otherwise) given = evaluate(*otherwise);
      if (!given) given = Value::undefined(fmt::format("the parameter '{}' was not given", printable(name)));
      scope_->set(name, *std::move(given));
    }
    reader.finish();
  }

  Value call_builtin(Builtin function, const Arguments& arguments) {
    switch (function) {
      case Builtin::range:
        return make_range(arguments);
      case Builtin::make_namespace:
        return make_namespace(arguments);
      case Builtin::raise_exception:
        return raise_exception(arguments);
      case Builtin::strftime_now:
        break;
    }
    return strftime_now(arguments);
  }

  Value make_range(const Arguments& arguments) {
    require(arguments.named.empty() && !arguments.positional.empty() && arguments.positional.size() <= 3,
            "range() takes one to three integers");
    std::array<std::int64_t, 3> bounds = {0, 0, 1};
    for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
      const std::optional<std::int64_t> integer = arguments.positional[i].if_integer();
      if (!integer) fail("range() takes integers, not {}", arguments.positional[i].kind());
      bounds[arguments.positional.size() == 1 ? 1 : i] = *integer;
    }
    const auto [start, stop, step] = bounds;
    require(step != 0, "the step of range() is 0");
    std::vector<Value> items;
    std::int64_t next = start;
    while (step > 0 ? next < stop : next > stop) {
      require(static_cast<std::int64_t>(items.size()) < longest_range, "range() has more than {} elements",
              longest_range);
      budget_.spend(1);
      items.push_back(Value::integer(next));
      if (__builtin_add_overflow(next, step, &next)) break;
    }
    return Value::list(std::move(items));
  }

  Value make_namespace(const Arguments& arguments) {
    budget_.spend(2);
    Namespace& space = namespaces_.emplace_back();
    for (const Value& given : arguments.positional) {
      const Mapping* mapping = given.if_mapping();
      if (mapping == nullptr) fail("namespace() takes mappings and named values, not {}", given.kind());
      for (const auto& [key, value] : mapping->entries)
        if (key.if_text() != nullptr) set_attribute(space, *key.if_text(), value);
    }
    for (const auto& [name, value] : arguments.named) set_attribute(space, name, value);
    return Value(Value::Storage(&space));
  }

  Value raise_exception(const Arguments& arguments) {
    ArgumentReader reader("raise_exception()", arguments);
    const Value message = reader.required("message");
    reader.finish();
    fail("the template refuses this: {}", printable(to_text(message, budget_), 400));
  }

  Value strftime_now(const Arguments& arguments) {
    ArgumentReader reader("strftime_now()", arguments);
    const std::string format = reader.required_text("format");
    reader.finish();
    if (format.empty()) return Value::text("");
    std::array<char, 256> text;
    const std::size_t length = std::strftime(text.data(), text.size(), format.c_str(), &now_);
    require(length > 0, "the date in the format \"{}\" is empty or too long", printable(format));
    return Value::text(std::string(text.data(), length));
  }

  const std::tm now_;
  Budget budget_;
  std::deque<Namespace> namespaces_;  // they stay where they are
  std::shared_ptr<Scope> scope_;      // where the current statement stands
  std::string output_;
  int line_ = 1;
};

}  // namespace

std::string run(const Block& block, const Inputs& inputs, const Limits& limits) {
  return Interpreter(inputs, limits).run(block);
}

}  // namespace yoke::jinja
