// The values that a template computes with: those of JSON, and the few more that Jinja has. They behave as
// Python's do, for that is what templates are written against.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "jinja/budget.h"

namespace yoke::jinja {

class Value;
struct MacroDefinition;  // ast.h
struct Method;           // methods.h
class Scope;             // scope.h

/// What a name, attribute or element is that is not there: false, empty, printed as nothing. Whatever else is
/// done with it throws an Error that begins with `why`: "'tools' is undefined".
struct Undefined {
  std::shared_ptr<const std::string> why;
};
struct None {};

/// UTF-8.
struct Text {
  std::string bytes;
  bool safe = false;  // came from the filter `safe`: + escapes what is joined to it as HTML
};

/// A list or a tuple. Immutable, as Hugging Face has templates run.
struct Sequence {
  enum class Kind { list, tuple };
  Kind kind;
  std::vector<Value> items;
  std::uint32_t depth;  // levels of containers, this one included
};

/// A mapping; keys keep their order, and are no containers.
struct Mapping {
  std::vector<std::pair<Value, Value>> entries;
  std::uint32_t depth;
  const Value* find(const Value& key) const;  // null where it is not there
  const Value* find(std::string_view key) const;
};

/// What map, select and their like give: it can be gone through once, and is true even where it is empty.
struct Generator {
  std::vector<Value> items;
  std::size_t next = 0;
  std::uint32_t depth;
};

/// The one thing that can be changed. Owned by the interpreter, and alive as long as the rendering.
struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
  const Value* find(std::string_view name) const;
};

/// The variable `loop`.
struct Loop;

struct Macro {
  const MacroDefinition* definition;
  std::weak_ptr<Scope> scope;  // where it was defined, and finds its names
};

/// The functions that a template is given.
enum class Builtin { range, make_namespace, raise_exception, strftime_now };

class Value {
 public:
  using Storage = std::variant<Undefined, None, bool, std::int64_t, double, std::shared_ptr<const Text>,
                               std::shared_ptr<const Sequence>, std::shared_ptr<const Mapping>,
                               std::shared_ptr<Generator>, Namespace*, std::shared_ptr<const Loop>,
                               std::shared_ptr<const Macro>, std::shared_ptr<const Method>, Builtin>;

  Value() = default;  // undefined
  explicit Value(Storage storage) : storage_(std::move(storage)) {}

  static Value undefined(std::string why);
  static Value none() { return Value(Storage(None{})); }
  static Value boolean(bool value) { return Value(Storage(value)); }
  static Value integer(std::int64_t value) { return Value(Storage(value)); }
  static Value number(double value) { return Value(Storage(value)); }
  static Value text(std::string bytes);
  // These three throw Error where they would nest containers more than max_depth levels deep.
  static Value list(std::vector<Value> items) { return sequence(Sequence::Kind::list, std::move(items)); }
  static Value tuple(std::vector<Value> items) { return sequence(Sequence::Kind::tuple, std::move(items)); }
  static Value mapping(std::vector<std::pair<Value, Value>> entries);
  static Value generator(std::vector<Value> items);

  const Storage& storage() const { return storage_; }
  bool is_undefined() const { return std::holds_alternative<Undefined>(storage_); }
  bool is_none() const { return std::holds_alternative<None>(storage_); }
  const std::string* if_text() const;  // null where it is something else; likewise below
  const Sequence* if_sequence() const;
  const Mapping* if_mapping() const;
  std::optional<std::int64_t> if_integer() const;  // booleans are integers
  std::optional<double> if_number() const;         // so are integers numbers

  bool is_true() const;
  /// Levels of containers in it, itself included.
  std::uint32_t depth() const;
  /// "a string", "a list"; for messages.
  std::string_view kind() const;

 private:
  static Value sequence(Sequence::Kind kind, std::vector<Value> items);
  Storage storage_;
};

struct Loop {
  std::vector<Value> items;
  std::size_t index;    // from 0
  std::uint32_t depth;  // levels of containers
};

/// Levels of containers in one that has these elements. Throws Error beyond max_depth.
std::uint32_t depth_over(const std::vector<Value>& items);

/// Throws the Error of an undefined value; nothing for any other.
void refuse_undefined(const Value& value);

/// ==, as Python has it.
bool equals(const Value& left, const Value& right, Budget& budget);
/// Below 0 where `left` comes first, above where `right` does. Throws Error where they have no order.
int compare(const Value& left, const Value& right, Budget& budget);
/// `in`. Throws Error where `container` is none.
bool contains(const Value& container, const Value& item, Budget& budget);

/// What a loop goes through: elements, keys, characters. A generator is used up. Throws Error for a value
/// that has none.
std::vector<Value> elements(const Value& value, Budget& budget);
/// The filter `length`. Throws Error likewise.
std::int64_t length(const Value& value);

}  // namespace yoke::jinja
