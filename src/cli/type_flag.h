// A flag that names a format of weights.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

#include "quant/format.h"

namespace yoke::cli {

/// Adds `flag`, which takes the name of a format that has an encoder ("Q4_0", any case). Another name is a
/// wrong command line; the sentence lists those that can be written.
CLI::Option* add_type_flag(CLI::App& command, const std::string& flag, std::optional<quant::Type>& type,
                           const std::string& description);

}  // namespace yoke::cli
