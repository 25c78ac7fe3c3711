// Attributes, elements and slices of values.
#pragma once

#include <string_view>

#include "jinja/budget.h"
#include "jinja/value.h"

namespace yoke::jinja {

/// value.name: a method where there is one of that name, otherwise the element. What is not there is
/// undefined. Throws Error for an attribute of something undefined; likewise below.
Value attribute(const Value& value, std::string_view name, Budget& budget);
/// value[key]: the element, otherwise the method.
Value item(const Value& value, const Value& key, Budget& budget);
/// value[start:stop:step] of a text, list or tuple. The bounds are integers or none; undefined where they are
/// something else.
Value slice(const Value& value, const Value& start, const Value& stop, const Value& step, Budget& budget);
/// What filters call an attribute: keys with dots between them ("function.name"), or an index. Each is looked
/// for as item() does.
Value by_path(const Value& value, const Value& path, Budget& budget);

}  // namespace yoke::jinja
