// A template's text as a tree.
#pragma once

#include <string_view>

#include "jinja/ast.h"

namespace yoke::jinja {

/// Throws Error "line 3: …" for what is no template, and for what this interpreter does not know: a
/// statement, filter, test, method or function.
Block parse(std::string_view source);

}  // namespace yoke::jinja
