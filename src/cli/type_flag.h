// A flag that names a format of weights.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "quant/format.h"

namespace yoke::cli {

/// What is to be done with a format.
enum class TypeUse : std::uint8_t { write, decode };

/// Adds `flag`, which takes the name of a format that has an encoder, or for `decode` one that is computed
/// with
/// ("Q4_0", any case). Another name is a wrong command line; the sentence lists those there are.
CLI::Option* add_type_flag(CLI::App& command, const std::string& flag, std::optional<quant::Type>& type,
                           const std::string& description, TypeUse use = TypeUse::write);

}  // namespace yoke::cli
