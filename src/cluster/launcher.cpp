#include "cluster/launcher.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/topology.h"
#include "cluster/engine_job.h"
#include "cluster/introduction.h"
#include "cluster/mpi_comm.h"
#include "cluster/mpi_start.h"
#include "cluster/mpirun.h"
#include "cluster/remote_engine.h"
#include "system/socket.h"

namespace yoke::cluster {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds version_patience{10};
constexpr std::chrono::seconds connection_patience{30};
constexpr std::chrono::seconds introduction_patience{10};

int ask_version(const fs::path& mpirun, const system::Environment& environment) {
  system::ChildProcess child({mpirun.native(), "--version"}, environment);
  require(child.wait(version_patience).has_value(), "{} --version did not end", mpirun.native());
  return parse_mpirun_version(child.output());
}

std::vector<std::string> job_command(LocalJob job, const std::vector<std::string>& engine,
                                     const system::Environment& environment) {
  if (job.ranks == 1) return engine;
  require(built_with_mpi(),
          "{} ranks were asked for, but this program was built without MPI and has only one", job.ranks);
  job.mpirun = find_mpirun(environment);
  job.major_version = ask_version(job.mpirun, environment);
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

/// Waits for rank 0 to connect. Throws Error if the job ends before, or takes too long.
FileDescriptor wait_for_rank_0(const FileDescriptor& listener, EngineJob& job, const std::string& if_late) {
  const auto deadline = Clock::now() + connection_patience;
  bool output_open = true;
  while (output_open) {
    require(Clock::now() < deadline, "the engine did not start within {} seconds{}",
            connection_patience.count(), if_late);
    std::array<pollfd, 2> polled{{{listener.get(), POLLIN, 0}, {job.output_fd(), POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), 100);
    if (FileDescriptor socket = system::accept_connection(listener)) return socket;
    output_open = job.read_output();
  }
  fail("{}", job.explain({}));
}

/// Why ranks may be late where there are many more than cores, which start one after the other then.
std::string hint_on_crowding(int ranks, int cores) {
  if (ranks <= cores) return {};
  return fmt::format("; {} ranks share the {} cores here, and fewer would start sooner (--ranks)", ranks,
                     cores);
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

  auto job = std::make_unique<EngineJob>(std::move(directory), command, environment);
  const std::string if_late = hint_on_crowding(options.ranks, cores);
  FileDescriptor rank_0 = wait_for_rank_0(listener, *job, if_late);
  introduce(rank_0, introduction_of(options.build), introduction_patience);
  StarterEnd end(std::make_unique<Channel>(std::move(rank_0)));
  end.say(Start{options.engine, {static_cast<std::size_t>(options.ranks), options.host}});
  auto remote = std::make_unique<RemoteEngine>(std::move(end), std::move(job));
  remote->wait_until_ready(progress, if_late);
  return remote;
}

}  // namespace yoke::cluster
