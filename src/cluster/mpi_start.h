// Whether somebody's mpirun or srun has started this process, and how to be free of that.
#pragma once

#include <string>

#include "system/environment.h"

namespace yoke::cluster {

/// How an MPI starter (mpirun, srun, …) announced itself to this process.
struct MpiStart {
  bool under_mpi = false;    // this process is one rank of a job that somebody else started
  int rank = 0;              // this process's; 0 when the starter did not say
  int ranks = 0;             // of that job; 0 when the starter did not say
  bool unconnected = false;  // srun has started it without a PMI, by which its ranks would find each other
  std::string network;       // between its machines, as btl_tcp_if_include names it; empty when nobody has
};
MpiStart detect_mpi(const system::Environment& environment);

/// `environment` without what describes an MPI or Slurm job that this process belongs to, so that an mpirun
/// started with it begins a job of its own.
system::Environment without_job(system::Environment environment);

}  // namespace yoke::cluster
