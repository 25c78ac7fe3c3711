// What a run has left running on a machine.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::hosts {

/// Whether any process of this user was started with a path in the run's folder. Throws Error for a name that
/// is not of hexadecimal digits.
bool runs_here(std::string_view name);

/// A process of a run that a signal (SIGSTOP) has stopped.
struct StoppedProcess {
  pid_t pid = 0;
  std::string program;  // without its folder
};
/// Those of this user. Throws Error for a name that is not of hexadecimal digits.
std::vector<StoppedProcess> stopped_processes(std::string_view name);
/// The same of any folder.
std::vector<StoppedProcess> stopped_processes_naming(const std::filesystem::path& folder);

/// Kills every process of this user that was started with a path in the run's folder: ranks, Open MPI's
/// daemons, mpirun itself. A process that is stopped dies, too. Throws Error for a name that is not of
/// hexadecimal digits.
void kill_processes_of_run(std::string_view name);

/// The same of any folder, for instance of ssh's shared connections, whose sockets lie in it.
void kill_processes_naming(const std::filesystem::path& folder);

/// The same, and waits so long at most until there are none.
void end_processes_of_run(std::string_view name, std::chrono::milliseconds patience);

}  // namespace yoke::hosts
