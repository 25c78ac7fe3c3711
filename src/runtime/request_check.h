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

/// Why a request ends of which `generated` tokens have come behind a prompt of so many, the last of them
/// `last`, if it does.
std::optional<FinishReason> end_of(const Request& request, std::size_t prompt, std::size_t generated,
                                   Token last, std::int32_t context);

/// What is said of a request whose id another in flight has.
FailedEvent twice_in_flight(std::uint64_t request);

}  // namespace yoke::runtime
