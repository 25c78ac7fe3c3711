// From what is known of a row of logits to a token.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "kernels/kernels.h"
#include "runtime/candidates.h"
#include "runtime/engine.h"
#include "runtime/odds.h"

namespace yoke::runtime {

/// How many candidates each rank gives of a row at first: enough to decide nearly always, few enough to cost
/// nothing. At least 1.
std::int32_t candidates_worth_gathering(const Sampling& sampling);

/// Whether choose() wants the sums over the whole row where the ranking is not complete.
bool needs_sums(const Sampling& sampling);

/// The token that `sampling` (see its comment; bias and penalties are in the logits already) draws with the
/// random number of seed and position, or nothing where the ranking is not complete and what it lacks may
/// matter: the result is the one that the complete ranking gives, or none. `sums` are those of the whole row
/// where the ranking is not complete and needs_sums(); otherwise they do not matter. The ranking is not
/// empty.
///
/// Exactly: tokens are taken in the order of candidates until their odds exceed the random number times
/// all odds. Typical sampling keeps every token that is as typical as the last one it needs.
std::optional<Token> choose(const kernels::Kernels& kernels, const Ranking& ranking, const Sums& sums,
                            const Sampling& sampling, std::int32_t position);

/// The token that the complete ranking of these logits gives; ids count from 0. One at least is not
/// forbidden.
Token choose_from_whole(const kernels::Kernels& kernels, std::span<const float> logits,
                        const Sampling& sampling, std::int32_t position);

/// A number in [0, 2⁵³), all equally likely, the same on every machine for the same arguments.
std::uint64_t random_number(std::uint64_t seed, std::uint64_t counter);

}  // namespace yoke::runtime
