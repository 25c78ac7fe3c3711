#include "jinja/arguments.h"

#include <algorithm>

#include "base/error.h"
#include "base/printable.h"

namespace yoke::jinja {

std::optional<Value> ArgumentReader::take(std::string_view name) {
  taken_.push_back(name);
  const std::size_t place = next_++;
  if (place < arguments_.positional.size()) return arguments_.positional[place];
  for (const auto& [other, value] : arguments_.named)
    if (other == name) return value;
  return std::nullopt;
}

Value ArgumentReader::take_or(std::string_view name, Value otherwise) {
  return take(name).value_or(std::move(otherwise));
}

bool ArgumentReader::take_flag(std::string_view name, bool otherwise) {
  const std::optional<Value> value = take(name);
  return value ? value->is_true() : otherwise;
}

Value ArgumentReader::required(std::string_view name) {
  std::optional<Value> value = take(name);
  if (!value) fail("{} needs the argument {}", callee_, name);
  return *std::move(value);
}

std::string ArgumentReader::required_text(std::string_view name) {
  const Value value = required(name);
  refuse_undefined(value);
  const std::string* text = value.if_text();
  if (text == nullptr) fail("{} needs a string as {}, not {}", callee_, name, value.kind());
  return *text;
}

std::int64_t ArgumentReader::take_integer(std::string_view name, std::int64_t otherwise) {
  const std::optional<Value> value = take(name);
  if (!value) return otherwise;
  refuse_undefined(*value);
  const std::optional<std::int64_t> integer = value->if_integer();
  if (!integer) fail("{} needs an integer as {}, not {}", callee_, name, value->kind());
  return *integer;
}

Arguments ArgumentReader::rest() {
  Arguments left;
  const std::size_t place = std::min(next_, arguments_.positional.size());
  left.positional.assign(arguments_.positional.begin() + static_cast<std::ptrdiff_t>(place),
                         arguments_.positional.end());
  for (const auto& argument : arguments_.named)
    if (std::find(taken_.begin(), taken_.end(), argument.first) == taken_.end())
      left.named.push_back(argument);
  for (const auto& argument : arguments_.named) taken_.push_back(argument.first);
  next_ = std::max(next_, arguments_.positional.size());
  return left;
}

void ArgumentReader::finish() const {
  if (arguments_.positional.size() > next_)
    fail("{} takes at most {} arguments, not {}", callee_, next_, arguments_.positional.size());
  for (const auto& [name, value] : arguments_.named)
    if (std::find(taken_.begin(), taken_.end(), name) == taken_.end())
      fail("{} has no argument {}", callee_, printable(name));
}

}  // namespace yoke::jinja
