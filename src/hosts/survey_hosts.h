// Surveys many hosts at once, from the machine where a person sits.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hosts/host_list.h"
#include "hosts/remote.h"
#include "hosts/ssh.h"
#include "hosts/survey.h"

namespace yoke::hosts {

/// What is asked of every host; its own entry in the list goes first.
struct SurveyRequest {
  std::string yoke;                  // path of the program there
  std::string model;                 // empty: not asked
  std::string cache_dir;             // empty: not asked
  std::string run;                   // name of the run whose folder each host is to make; empty: none
  std::string key;                   // for that folder
  std::vector<std::string> after{};  // names of runs of which nothing may be left before the host looks
  /// Threads are those of each rank. Hosts that have a weight are not asked.
  SpeedQuestion speed{};
};

struct SurveyedHost {
  Host host;
  std::optional<Trouble> trouble;        // why there is no survey, nor a build
  std::optional<system::BuildId> build;  // that answered
  std::optional<Survey> survey;          // none where another build than this one answered
  double seconds = 0;                    // until it had answered
  double clock_ahead = 0;                // seconds that its clock is ahead of this machine's at least; less
                                         // than 0: behind it
  bool is_here = false;                  // this machine itself, by another way
};

/// What a host took so long at most: ssh gives up after 2 seconds, and a survey takes a fraction of one.
inline constexpr std::chrono::milliseconds survey_patience{10'000};

/// In the order of `hosts`. Never throws for what a host does.
std::vector<SurveyedHost> survey_hosts(std::span<const Host> hosts, const SurveyRequest& request,
                                       const SshCommand& ssh, const system::Environment& environment,
                                       std::chrono::milliseconds patience = survey_patience);

/// Removes the run's folder on every host, as far as they answer.
void end_run(std::span<const Host> hosts, const SurveyRequest& request, const SshCommand& ssh,
             const system::Environment& environment);

/// The program's path on a host.
std::string yoke_on(const Host& host, const SurveyRequest& request);

/// What one host's answer says, which came between two readings of this machine's clock. `here` is this
/// machine.
SurveyedHost interpret(const Host& host, const std::string& yoke, const RemoteResult& result,
                       const Survey& here);

/// Whether two surveys are of one machine: of one system, network and name.
bool same_machine(const Survey& a, const Survey& b);

}  // namespace yoke::hosts
