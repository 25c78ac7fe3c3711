// Why a run that is being started does not get on: looked for while its ranks are late.
#pragma once

#include <chrono>
#include <span>
#include <string>

#include "hosts/survey_hosts.h"

namespace yoke::hosts {

/// A host of a run, and what people call it.
struct NamedHost {
  Host host;
  std::string name;
};

/// One sentence on the first host that does not answer any more, or on which a process of the run is stopped;
/// empty where there is none. `request` has the run and where yoke is; takes `patience` at most.
std::string find_start_trouble(std::span<const NamedHost> hosts, const SurveyRequest& request,
                               const SshCommand& ssh, const system::Environment& environment,
                               std::chrono::milliseconds patience);

/// The same from what one host has answered; empty where nothing is wrong with it.
std::string start_trouble_of(const NamedHost& host, const std::string& yoke, const RemoteResult& result);

}  // namespace yoke::hosts
