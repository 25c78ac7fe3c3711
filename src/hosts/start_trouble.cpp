#include "hosts/start_trouble.h"

#include <fmt/core.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "base/printable.h"

namespace yoke::hosts {

std::string start_trouble_of(const NamedHost& host, const std::string& yoke, const RemoteResult& result) {
  constexpr int lost_by_ssh = 255;
  if (result.timed_out || result.exit_code == lost_by_ssh)
    return fmt::format("{} was lost while its rank started: is it off, frozen or cut off from the network?",
                       host.name);
  if (const auto trouble = explain(host.host, yoke, result))
    return fmt::format("{} was lost while its rank started: {} ({})", host.name, trouble->sentence,
                       trouble->remedy);
  std::istringstream lines(result.output);
  int pid = 0;
  std::string program;
  if (!(lines >> pid >> program)) return {};
  return fmt::format("{} held the others up: {}, process {} there, was stopped by a signal", host.name,
                     printable(program), pid);
}

std::string find_start_trouble(std::span<const NamedHost> hosts, const SurveyRequest& request,
                               const SshCommand& ssh, const system::Environment& environment,
                               std::chrono::milliseconds patience) {
  std::vector<RemoteCommand> commands;
  for (const NamedHost& each : hosts)
    commands.push_back({each.host, {yoke_on(each.host, request), "survey", "--stopped", request.run}, ""});
  const int all_at_once = static_cast<int>(std::max<std::size_t>(commands.size(), 1));
  const auto results = run_on_all(ssh, environment, commands, patience, all_at_once);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    std::string trouble = start_trouble_of(hosts[i], commands[i].words.front(), results[i]);
    if (!trouble.empty()) return trouble;
  }
  return {};
}

}  // namespace yoke::hosts
