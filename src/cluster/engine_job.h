// The processes of an engine that was started: mpirun and its ranks, or the one rank itself.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cluster/protocol.h"
#include "system/child_process.h"
#include "system/run_directory.h"

namespace yoke::cluster {

/// One thread at a time uses it.
class EngineJob {
 public:
  /// The directory is the job's from now on, and its TMPDIR. Throws Error if the command cannot be executed.
  EngineJob(std::unique_ptr<system::RunDirectory> directory, const std::vector<std::string>& command,
            system::Environment environment);
  /// end(), then the directory goes.
  ~EngineJob();

  int output_fd() const { return child_.output_fd(); }
  bool read_output() { return child_.read_output(); }

  /// One sentence on why it ended, or is ending: waits a moment for that.
  std::string explain(std::span<const runtime::Place> places);
  /// Ends it: waits for `patience`, asks, kills. No process of the job runs after that.
  void end(std::chrono::milliseconds patience);

 private:
  std::unique_ptr<system::RunDirectory> directory_;
  system::ChildProcess child_;
};

}  // namespace yoke::cluster
