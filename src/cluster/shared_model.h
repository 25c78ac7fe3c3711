// Ranks whose machine has no copy of the model read their parts of one that a peer's machine has, or of what
// several peers' machines keep of it.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "cluster/model_server.h"
#include "cluster/protocol.h"
#include "cluster/remote_model.h"
#include "comm/comm.h"
#include "runtime/local_engine.h"

namespace yoke::cluster {

/// What this rank has open for it, until all have loaded.
struct SharedModel {
  struct Remote {
    int rank;  // whose machine has it
    std::shared_ptr<RemoteModel> model;
  };
  std::unique_ptr<ModelServer> server;
  std::vector<Remote> remotes;

  /// So far, from each that anything came from.
  std::vector<Fetched> fetched() const;
  /// All have loaded.
  void end();
};

/// A collective: where some ranks have the file that their options name and others have not, the first that
/// has it serves it, and what the others are told to open is changed to that; what they pack they keep, in
/// the cache folder of the options or else in `shards`, if there is one. Where none has it, but their
/// machines keep all parts of a replica (shards/replica.h), all read that; so does a single rank. Where
/// replication is asked for, the options say which parts this rank's machine is to keep. Where all have the
/// file, or none any of it, nothing changes. Throws Error on whichever rank cannot do its part, and on all
/// where a part of a replica is nowhere.
SharedModel share_model(comm::Comm& comm, runtime::RankOptions& options, const LinkOptions& links,
                        const std::filesystem::path& shards);

}  // namespace yoke::cluster
