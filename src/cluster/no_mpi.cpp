// In place of mpi_comm.cpp where the program is built without MPI: one rank needs none.
#include "base/error.h"
#include "cluster/mpi_comm.h"

namespace yoke::cluster {

bool built_with_mpi() { return false; }

std::unique_ptr<MpiComm> start_mpi(int ranks) {
  fail("{} ranks were asked for, but this program was built without MPI and has only one", ranks);
}

}  // namespace yoke::cluster
