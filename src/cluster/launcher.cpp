#include "cluster/launcher.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/printable.h"
#include "base/topology.h"
#include "cluster/engine_job.h"
#include "cluster/engine_meeting.h"
#include "cluster/mpi_comm.h"
#include "cluster/mpi_start.h"
#include "cluster/mpirun.h"
#include "hosts/run_processes.h"
#include "system/socket.h"

namespace yoke::cluster {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds connection_patience{30};

std::vector<std::string> job_command(LocalJob job, const std::vector<std::string>& engine,
                                     const system::Environment& environment) {
  if (job.ranks == 1) return engine;
  require(built_with_mpi(),
          "{} ranks were asked for, but this program was built without MPI and has only one", job.ranks);
  job.mpirun = find_mpirun(environment);
  job.major_version = ask_mpirun_version(job.mpirun, environment);
  job.as_root = ::geteuid() == 0;
  return mpirun_command(job, engine);
}

/// The file behind a path like /proc/self/exe, which would be mpirun itself under mpirun.
fs::path resolve(const fs::path& executable) {
  std::error_code error;
  fs::path real = fs::canonical(executable, error);
  require(!error, "cannot start the engine: {}: {}", executable.native(), error.message());
  return real;
}

/// Why ranks may be late where there are many more than cores, which start one after the other then.
std::string hint_on_crowding(int ranks, int cores) {
  if (ranks <= cores) return {};
  return fmt::format("; {} ranks share the {} cores here, and fewer would start sooner (--ranks)", ranks,
                     cores);
}

/// What keeps the ranks apart: one of them, or mpirun, that a signal has stopped.
std::string find_stopped(const fs::path& folder) {
  const std::vector<hosts::StoppedProcess> stopped = hosts::stopped_processes_naming(folder);
  if (stopped.empty()) return {};
  return fmt::format("{}, process {} of the engine, was stopped by a signal while the ranks started",
                     printable(stopped.front().program), stopped.front().pid);
}

}  // namespace

std::unique_ptr<runtime::Engine> launch(const LaunchOptions& options,
                                        const std::function<void(const GroupProgress&)>& progress) {
  require(options.ranks >= 1, "{} ranks were asked for, but an engine has at least one", options.ranks);
  auto directory = std::make_unique<system::RunDirectory>();
  const fs::path socket = directory->path() / "engine.socket";
  const FileDescriptor listener = system::listen_unix(socket);
  const system::Environment environment = without_job(options.environment);

  const std::vector<std::string> program{resolve(options.executable).native(), "engine", "--socket",
                                         socket.native()};
  LocalJob local;
  local.ranks = options.ranks;
  const int cores = read_topology().cores;
  local.cores_shared = std::int64_t{options.ranks} * std::max(1, options.host.threads) > cores;
  local.directory = directory->path();
  const auto command = job_command(std::move(local), program, environment);

  MeetingOptions meeting;
  meeting.start = Start{options.engine, {static_cast<std::size_t>(options.ranks), options.host}};
  meeting.build = options.build;
  meeting.connection = connection_patience;
  const std::string hint = hint_on_crowding(options.ranks, cores);
  meeting.late =
      fmt::format("the engine did not start within {} seconds{}", connection_patience.count(), hint);
  meeting.hint_if_late = hint;
  meeting.look = [folder = directory->path()] { return find_stopped(folder); };
  return meet_engine(listener, std::make_unique<EngineJob>(std::move(directory), command, environment),
                     meeting, progress);
}

}  // namespace yoke::cluster
