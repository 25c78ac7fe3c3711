#include "jinja/filters.h"

#include <fmt/core.h>

#include <string>
#include <unordered_map>

#include "base/error.h"
#include "base/printable.h"
#include "jinja/sequence_filters.h"
#include "jinja/text_filters.h"

namespace yoke::jinja {
namespace {

/// Null where there is none.
Filter find_filter(std::string_view name) {
  static const std::unordered_map<std::string_view, Filter> filters = [] {
    std::unordered_map<std::string_view, Filter> all(text_filters().begin(), text_filters().end());
    all.insert(sequence_filters().begin(), sequence_filters().end());
    return all;
  }();
  const auto found = filters.find(name);
  return found == filters.end() ? nullptr : found->second;
}

}  // namespace

bool is_filter(std::string_view name) { return find_filter(name) != nullptr; }

Value apply_filter(std::string_view name, const Value& input, const Arguments& arguments, Budget& budget) {
  const Filter filter = find_filter(name);
  if (filter == nullptr) fail("there is no filter {}", printable(name));
  const std::string callee = fmt::format("the filter {}", name);
  ArgumentReader reader(callee, arguments);
  Value result = filter(input, reader, budget);
  reader.finish();
  return result;
}

}  // namespace yoke::jinja
