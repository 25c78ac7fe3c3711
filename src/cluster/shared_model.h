// Ranks whose machine has no copy of the model read their parts of one that a peer's machine has.
#pragma once

#include <filesystem>
#include <memory>

#include "cluster/model_server.h"
#include "cluster/remote_model.h"
#include "comm/comm.h"
#include "runtime/local_engine.h"

namespace yoke::cluster {

/// What this rank has open for it, until all have loaded.
struct SharedModel {
  std::unique_ptr<ModelServer> server;
  std::shared_ptr<RemoteModel> remote;

  /// All have loaded.
  void end() {
    if (remote) remote->close();
    remote.reset();
    server.reset();
  }
};

/// A collective: where some ranks have the file that their options name and others have not, the first that
/// has it serves it, and what the others are told to open is changed to that; what they pack they keep, in
/// the cache folder of the options or else in `shards`, if there is one. Where all have it, or none, nothing
/// changes. Throws Error on whichever rank cannot do its part.
SharedModel share_model(comm::Comm& comm, runtime::RankOptions& options, const LinkOptions& links,
                        const std::filesystem::path& shards);

}  // namespace yoke::cluster
