// The flags of every command that computes with a model, and the engine they ask for.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

#include "cli/host_flags.h"
#include "cluster/engine_process.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"

namespace yoke::cli {

struct EngineFlags {
  runtime::EngineOptions engine;
  runtime::HostOptions host;
  int ranks = 0;  // 0: one, or as many as the job that this process belongs to
  HostFlags hosts;
  cluster::LinkOptions links;  // but for their network, which `hosts` has
};

/// Adds MODEL (or -m), which is required.
CLI::Option* add_model(CLI::App& command, std::string& model);

/// Adds MODEL (or -m), --ranks, -t, --ctx, --prefill-chunk, --kv-type, --activations, --cache-dir,
/// --cache-size, --wire, --overlap, --collectives, --key-file, and the flags of hosts.
void add_engine_flags(CLI::App& command, EngineFlags& flags);
/// Adds --kv-type.
void add_kv_type(CLI::App& command, kernels::KvType& type);
/// Adds --activations.
void add_activations(CLI::App& command, kernels::ActivationType& type);
/// Adds --cache-dir and --cache-size.
void add_cache_flags(CLI::App& command, runtime::HostOptions& host);

/// Adds --key-file.
void add_key_file(CLI::App& command, cluster::LinkOptions& links);

/// What a progress bar says besides its bytes: "rank 2 at 31%, 5.31 GB came from rank 0", the slowest of
/// several ranks and where they read a model that is not on their machines; nothing once all have loaded.
std::string load_note(const cluster::GroupProgress& progress);

/// Whether this process is a rank other than 0 of a job that mpirun or srun has started: it has no person to
/// talk to, and follow() is all it does.
bool is_follower();

/// Takes part in the job where this process is a follower, until rank 0 ends it. False where it is none.
bool follow(const EngineFlags& flags);

/// Starts the engine, showing a progress bar and then, on standard error, what was wrong with the cache:
/// ranks on this machine or, in a process that mpirun or srun has started, those of its job. Returns nullptr
/// on the job's other ranks, which have done their part then. Throws Error.
std::unique_ptr<runtime::Engine> start_engine(const EngineFlags& flags);

/// Who wants to know of the deaths of an engine.
struct LossObserver {
  /// Of each death, and of each start that failed, whose sentence this is: another start follows.
  std::function<void(const std::string& sentence)> lost;
  /// That start is over. Where it has worked, `change` (may be empty) is half a sentence on how the engine
  /// differs from the first; where not, `lost` or an Error follows.
  std::function<void(const std::string& change)> over;
};

/// The same, as an engine that is started again where it dies, as long as this process may do so: not as a
/// rank of a job that mpirun or srun has started.
std::unique_ptr<runtime::Engine> start_lasting_engine(const EngineFlags& flags, LossObserver observer);

/// This process as a rank that runs a real model.
cluster::EngineProcessOptions this_process(const cluster::LinkOptions& links);

}  // namespace yoke::cli
