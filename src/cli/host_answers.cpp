#include "cli/host_answers.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace yoke::cli {
namespace {

/// Rank 0 has the starter's socket, and every token passes there: best on one machine.
void put_this_machine_first(std::vector<hosts::SurveyedHost>& hosts) {
  const auto here = std::find_if(hosts.begin(), hosts.end(), [](const auto& host) { return host.is_here; });
  if (here != hosts.end()) std::rotate(hosts.begin(), here, here + 1);
}

}  // namespace

HostAnswers ask_hosts(const std::vector<hosts::Host>& list, hosts::SurveyRequest request,
                      const hosts::SshCommand& ssh, const system::Environment& environment) {
  HostAnswers answers{std::move(request), {}};
  answers.surveyed = hosts::survey_hosts(list, answers.request, ssh, environment);
  put_this_machine_first(answers.surveyed);
  return answers;
}

hosts::Diagnosis judge(const HostAnswers& answers, const std::string& network,
                       std::vector<std::uint64_t> need) {
  hosts::Examination examination;
  examination.hosts = answers.surveyed;
  examination.need = std::move(need);
  examination.network = network;
  return hosts::judge_short(examination);
}

std::string sentence_of(const hosts::Diagnosis& diagnosis) {
  std::vector<const hosts::Finding*> failures;
  for (const hosts::Finding& finding : diagnosis.findings)
    if (finding.level == hosts::Level::failure) failures.push_back(&finding);
  const hosts::Finding& first = *failures.front();
  std::string sentence = first.sentence;
  if (!first.host.empty() && sentence.find(first.host) == std::string::npos)
    sentence = first.host + ": " + sentence;
  if (!first.remedy.empty()) sentence += " (" + first.remedy + ")";
  if (failures.size() > 1)
    sentence += fmt::format("; {} more {} wrong, which yoke doctor tells", failures.size() - 1,
                            failures.size() == 2 ? "thing is" : "things are");
  return sentence;
}

}  // namespace yoke::cli
