// The processes of an engine that was started: mpirun and its ranks, or the one rank itself.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file_descriptor.h"
#include "cluster/mpirun.h"
#include "cluster/protocol.h"
#include "system/child_process.h"
#include "system/run_directory.h"

namespace yoke::cluster {

struct EngineJobOptions {
  std::vector<std::string> helper;  // a command that runs beside the job, which needs it; empty: none
  FileDescriptor last_will;         // closed once the job has ended: whoever waits for that may clear up
  JobMachines machines;             // where the job runs
  bool verbose = false;             // what the job prints goes to standard error, too
};

/// One thread at a time uses it.
class EngineJob {
 public:
  /// The directory is the job's from now on, and its TMPDIR. Throws Error if the command cannot be executed.
  EngineJob(std::unique_ptr<system::RunDirectory> directory, const std::vector<std::string>& command,
            system::Environment environment, EngineJobOptions options = {});
  /// end(), then the directory goes.
  ~EngineJob();

  int output_fd() const { return child_.output_fd(); }
  bool read_output();
  /// Why the helper has ended, as it says itself; empty while it runs, and where there is none.
  std::string helper_failure();

  /// Rank 0, and its machine as far as that is known before the ranks have met.
  std::string describe_leader() const;

  /// One sentence where a daemon of the job has ended though the job has not; empty otherwise.
  std::string lost_daemon() const;

  /// One sentence on why it ended, or is ending: waits a moment for that.
  std::string explain(std::span<const runtime::Place> places);
  /// What it died of: waits so long for its end, which tells.
  runtime::DeathCause cause(std::chrono::milliseconds patience);
  /// Ends it: waits for `patience`, asks, kills. No process of the job runs after that.
  void end(std::chrono::milliseconds patience);

 private:
  // Destroyed from the last to the first: whoever waits for the last will finds nothing that still runs.
  FileDescriptor last_will_;
  std::unique_ptr<system::RunDirectory> directory_;
  const JobMachines machines_;
  const bool verbose_;
  std::size_t shown_ = 0;  // bytes of the job's output
  std::unique_ptr<system::ChildProcess> helper_;
  system::ChildProcess child_;
};

}  // namespace yoke::cluster
