// Values as text: as Python prints them, and as JSON.
#pragma once

#include <string>
#include <string_view>

#include "jinja/budget.h"
#include "jinja/value.h"

namespace yoke::jinja {

/// Python's str(): None, True, 1.5, ['a', 'b']; nothing for an undefined value. Throws Error for a value that
/// has no text of its own, such as a macro.
std::string to_text(const Value& value, Budget& budget);

/// Python's json.dumps, whose options these are.
struct JsonStyle {
  bool ascii_only = false;  // ensure_ascii, which Hugging Face turns off
  bool pretty = false;      // each element on a line of its own
  std::string indent;       // of a level, where pretty
  std::string between_items = ", ", after_key = ": ";
  bool sorted_keys = false;
};

/// Throws Error for a value that JSON cannot hold.
std::string to_json(const Value& value, const JsonStyle& style, Budget& budget);

/// With & < > ' " as HTML writes them.
std::string escaped_as_html(std::string_view text);

}  // namespace yoke::jinja
