// What a run has left running on a machine.
#pragma once

#include <string_view>

namespace yoke::hosts {

/// Kills every process of this user that was started with a path in the run's folder: ranks, Open MPI's
/// daemons, mpirun itself. A process that is stopped dies, too. Throws Error for a name that is not of
/// hexadecimal digits.
void kill_processes_of_run(std::string_view name);

}  // namespace yoke::hosts
