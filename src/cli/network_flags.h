// The flags that say how ranks of several machines exchange.
#pragma once

#include <CLI/CLI.hpp>

#include "runtime/local_engine.h"

namespace yoke::cli {

/// Adds --wire, --overlap and --collectives.
void add_network_flags(CLI::App& command, runtime::EngineOptions& engine);

}  // namespace yoke::cli
