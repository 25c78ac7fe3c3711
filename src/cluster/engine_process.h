// What a process that is one rank of an engine does, from its start to its end.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "cluster/mpi_start.h"
#include "cluster/protocol.h"
#include "cluster/rank_link.h"
#include "cluster/rendezvous.h"
#include "comm/comm.h"
#include "model/loader.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"
#include "system/build_id.h"

namespace yoke::cluster {

/// What a rank does with its part of a model: the real thing's, but for tests.
struct RankRoles {
  std::function<std::unique_ptr<runtime::Engine>(const runtime::RankOptions&, comm::Comm&,
                                                 const runtime::Progress&)>
      lead;
  std::function<void(const runtime::RankOptions&, comm::Comm&, const runtime::Progress&)> follow;
  /// Tells the model from others; may be empty: the ranks' models are not compared, nor shared.
  std::function<std::uint64_t(const runtime::RankOptions&)> model_fingerprint;
  /// What a rank will take; may be empty: nothing is checked.
  std::function<model::MemoryNeed(const runtime::RankOptions&, int rank, int ranks)> memory_needed;
};

struct EngineProcessOptions {
  MpiStart job;  // how its starter announced itself to this process
  system::BuildId build = system::this_build();
  LinkOptions links;
  std::filesystem::path shards;       // where what comes of a far model is kept by default; empty: nowhere
  std::filesystem::path collectives;  // the file of the CollectivesBook; empty: none
  LinkTiming timing{};
  RankRoles roles;
  /// For join(): writes a sentence where a person may read it, before the process ends at once; only where
  /// nobody is left to whom an Error could be thrown. Called at most once, from any thread.
  std::function<void(const std::string& sentence)> last_words;
};

/// Runs one rank of an engine that `launch` has started, and returns the process's exit code. Rank 0 serves
/// the starter's socket, where it is told first what all are to be; the others follow. Never throws; where
/// MPI cannot be left in good order the process ends in here. Call it first thing, from the main thread: the
/// process dies with its parent from here on.
int engine_main(const EngineProcessOptions& options, const std::filesystem::path& socket);

/// The same in a process that somebody else's mpirun or srun has started: on rank 0, whose `engine` is
/// everyone's, returns the engine (the Comm and the links live and end with it). On the other ranks takes
/// part until that engine is destroyed, then returns nullptr; a follower that fails tells rank 0 and ends the
/// process. `progress` is called until this returns, from one thread at a time but not always the same.
/// Throws Error on rank 0 (and on every rank before they have met); the process has to end then, with a code
/// other than 0. Ranks that srun has not connected end the same way before MPI has a say: one throws.
std::unique_ptr<runtime::Engine> join(const EngineProcessOptions& options,
                                      const runtime::EngineOptions& engine, const runtime::HostOptions& host,
                                      const std::function<void(const GroupProgress&)>& progress);

}  // namespace yoke::cluster
