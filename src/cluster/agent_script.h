// What mpirun calls to start its daemon on a machine. mpirun knows machines by their addresses in the network
// of the job; people reach them by names, users and options of ssh that may differ from machine to machine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hosts/ssh.h"

namespace yoke::cluster {

/// A machine's address in the network of the job, and how ssh reaches it.
struct AgentHost {
  std::string address;
  hosts::Host host;
};

/// How the script begins the line, on standard error, that has the address of a machine and the exit code
/// with which the command there has ended, if that is not 0.
inline constexpr std::string_view agent_end_prefix = "yoke agent: ";

/// A shell script that is called as "SCRIPT ADDRESS COMMAND…" and runs the command on the machine of that
/// address; it ends with 255, as ssh does, for an address that it does not know.
std::string agent_script(const hosts::SshCommand& ssh, const std::vector<AgentHost>& hosts);

}  // namespace yoke::cluster
