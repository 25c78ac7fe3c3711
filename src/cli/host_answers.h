// What the hosts of a list answer before an engine is started on them, and what that means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hosts/doctor.h"
#include "hosts/ssh.h"
#include "hosts/survey_hosts.h"
#include "system/environment.h"

namespace yoke::cli {

struct HostAnswers {
  hosts::SurveyRequest request;               // what they were asked
  std::vector<hosts::SurveyedHost> surveyed;  // the starter first, if it is among them
};

/// Asks all of a list.
HostAnswers ask_hosts(const std::vector<hosts::Host>& list, hosts::SurveyRequest request,
                      const hosts::SshCommand& ssh, const system::Environment& environment);

/// `network` is a CIDR, or empty where one is to be found; `need` has the bytes that the ranks of each host
/// need, or nothing.
hosts::Diagnosis judge(const HostAnswers& answers, const std::string& network,
                       std::vector<std::uint64_t> need);

/// The first failure as a sentence with its remedy. How many others there are is told, not which.
std::string sentence_of(const hosts::Diagnosis& diagnosis);

}  // namespace yoke::cli
