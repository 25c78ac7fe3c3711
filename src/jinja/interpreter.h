// Runs a template.
#pragma once

#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "jinja/ast.h"
#include "jinja/budget.h"
#include "jinja/value.h"

namespace yoke::jinja {

/// What a template is given besides the functions that Hugging Face has.
struct Inputs {
  std::vector<std::pair<std::string, Value>> variables;
  std::tm now{};  // what strftime_now() formats
};

/// The text that the template makes. Throws Error "line 3: …" where the template refuses its inputs, does
/// what Python would not, or goes beyond `limits`.
std::string run(const Block& block, const Inputs& inputs, const Limits& limits = {});

}  // namespace yoke::jinja
