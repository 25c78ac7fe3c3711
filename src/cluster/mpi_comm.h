// The transport between machines.
#pragma once

#include <memory>

#include "cluster/rank_link.h"
#include "comm/comm.h"

namespace yoke::cluster {

/// This process as one rank of an MPI job. Every wait ends with an Error when the attached link loses a peer,
/// and before a link is attached after ten seconds. To be used by one thread at a time.
class MpiComm : public comm::Comm {
 public:
  using comm::Comm::Comm;
  /// sleep(), wake_followers() and the watch over the peers are the link's; it outlives the use of the Comm.
  virtual void attach(RankLink& link) = 0;
  /// Takes leave of MPI; a collective. Without it the process must end by _exit: after an error MPI cannot be
  /// left in good order.
  virtual void leave() = 0;
};

bool built_with_mpi();

/// Enters MPI, once in a process. Throws Error if the job has not the `ranks` that its starter spoke of (0:
/// it did not say), or if this program was built without MPI.
std::unique_ptr<MpiComm> start_mpi(int ranks);

}  // namespace yoke::cluster
