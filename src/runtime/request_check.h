// What a request may ask for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/engine.h"

namespace yoke::runtime {

/// Why the request cannot be served by a model of `vocabulary` tokens in a context of `context` positions, in
/// one sentence; nothing where it can be. What passes makes no later step fail.
std::optional<std::string> refusal(const Request& request, std::int32_t vocabulary, std::int32_t context);

}  // namespace yoke::runtime
