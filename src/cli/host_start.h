// An engine on several machines, from a list of them: asked first, judged, then started.
#pragma once

#include <functional>
#include <memory>

#include "cli/host_flags.h"
#include "cluster/protocol.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"

namespace yoke::cli {

/// Asks every host what it is, and refuses those that cannot take part: one sentence that names the host and
/// the remedy. Then starts the engine there; `host` has what all of them have in common, unless their list
/// says otherwise. Without `progress` nothing is shown meanwhile. With --dry-run prints the commands and
/// returns nullptr. Throws Error.
std::unique_ptr<runtime::Engine> start_on_hosts(
    const HostFlags& flags, const runtime::EngineOptions& engine, const runtime::HostOptions& host,
    const std::function<void(const cluster::GroupProgress&)>& progress);

}  // namespace yoke::cli
