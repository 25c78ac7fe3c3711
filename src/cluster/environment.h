// The process's environment variables as a value: passed in, never looked up on the side.
#pragma once

#include <map>
#include <string>

namespace yoke::cluster {

using Environment = std::map<std::string, std::string>;

/// A copy of this process's environment.
Environment current_environment();

/// How an MPI starter (mpirun, srun, …) announced itself to this process.
struct MpiStart {
  bool under_mpi = false;  // this process is one rank of a job that somebody else started
  int rank = 0;            // this process's; 0 when the starter did not say
  int ranks = 0;           // of that job; 0 when the starter did not say
  int local_ranks = 1;     // of that job on this machine; 1 when the starter did not say
};
MpiStart detect_mpi(const Environment& environment);

/// `environment` without what describes an MPI or Slurm job that this process belongs to, so that an mpirun
/// started with it begins a job of its own on this machine.
Environment without_job(Environment environment);

}  // namespace yoke::cluster
