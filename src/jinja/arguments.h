// What a filter, test, method or function is called with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja/value.h"

namespace yoke::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Hands out arguments in the order of the parameters. Ask for all, then call finish().
class ArgumentReader {
 public:
  /// `callee` is what sentences call it: "the filter join". Both outlive this.
  ArgumentReader(std::string_view callee, const Arguments& arguments)
      : callee_(callee), arguments_(arguments) {}

  /// The next parameter's; by place or by name.
  std::optional<Value> take(std::string_view name);
  Value take_or(std::string_view name, Value otherwise);
  bool take_flag(std::string_view name, bool otherwise);  // by truth, as Python does
  // These throw Error where it is missing or something else.
  Value required(std::string_view name);
  std::string required_text(std::string_view name);
  std::int64_t take_integer(std::string_view name, std::int64_t otherwise);
  /// Whether one is left that came by place.
  bool has_next() const { return next_ < arguments_.positional.size(); }
  /// All that are left, for another filter or test.
  Arguments rest();
  /// Throws Error where an argument is left that no parameter took.
  void finish() const;

 private:
  std::string_view callee_;
  const Arguments& arguments_;
  std::size_t next_ = 0;                 // place of the next parameter
  std::vector<std::string_view> taken_;  // names that were asked for
};

}  // namespace yoke::jinja
