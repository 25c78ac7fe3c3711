// The names that hold at a place of a template.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja/value.h"

namespace yoke::jinja {

/// Names of one block, macro call or turn of a loop; others are those of the scope around it. What a name
/// views outlives the scope.
class Scope {
 public:
  explicit Scope(std::shared_ptr<const Scope> around) : around_(std::move(around)) {}

  /// Null where no scope has the name.
  const Value* find(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->around_.get())
      for (const auto& [other, value] : scope->variables_)
        if (other == name) return &value;
    return nullptr;
  }

  /// In this scope, whatever those around it have.
  void set(std::string_view name, Value value) {
    for (auto& [other, old] : variables_)
      if (other == name) {
        old = std::move(value);
        return;
      }
    variables_.emplace_back(name, std::move(value));
  }

 private:
  std::vector<std::pair<std::string_view, Value>> variables_;
  std::shared_ptr<const Scope> around_;
};

}  // namespace yoke::jinja
