#include "cluster/agent_script.h"

#include <fmt/format.h>

namespace yoke::cluster {

std::string agent_script(const hosts::SshCommand& ssh, const std::vector<AgentHost>& hosts) {
  std::string script =
      "#!/bin/sh\n"
      "address=$1\n"
      "shift\n"
      "case \"$address\" in\n";
  for (const AgentHost& entry : hosts) {
    std::vector<std::string> words = ssh.agent();
    if (!entry.host.user.empty()) words.insert(words.end(), {"-l", entry.host.user});
    words.push_back(entry.host.name);
    script += fmt::format("  {}) {} \"$@\" ;;\n", entry.address, yoke::hosts::quote_for_shell(words));
  }
  return script +
         "  *) echo \"no machine of this job has the address $address\" >&2; exit 255 ;;\n"
         "esac\n"
         "code=$?\n"
         "[ $code = 0 ] || echo \"" +
         std::string(agent_end_prefix) +
         "$address $code\" >&2\n"
         "exit $code\n";
}

}  // namespace yoke::cluster
