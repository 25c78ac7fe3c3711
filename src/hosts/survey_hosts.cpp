#include "hosts/survey_hosts.h"

#include <algorithm>

#include "base/error.h"
#include "base/topology.h"

namespace yoke::hosts {

namespace {

constexpr std::chrono::milliseconds end_patience{8000};

void add_path(std::vector<std::string>& words, const char* flag, const std::string& own,
              const std::string& all) {
  const std::string& path = own.empty() ? all : own;
  if (!path.empty()) words.insert(words.end(), {flag, path});
}

void add_speed(std::vector<std::string>& words, const Host& host, const SpeedQuestion& speed) {
  if (speed.format.empty()) return;
  words.insert(words.end(), {"--speed-of", speed.format, "--weights-bytes", std::to_string(speed.weights)});
  const int threads = host.threads > 0 ? host.threads * host.slots : speed.threads * host.slots;
  if (threads > 0) words.insert(words.end(), {"--speed-threads", std::to_string(threads)});
  if (speed.anew) words.emplace_back("--speed-anew");
}

RemoteCommand command_for(const Host& host, const SurveyRequest& request) {
  RemoteCommand command{host, {yoke_on(host, request), "survey"}, ""};
  add_path(command.words, "--model", host.model, request.model);
  add_path(command.words, "--cache-dir", host.cache_dir, request.cache_dir);
  if (host.weight == 0) add_speed(command.words, host, request.speed);
  for (const std::string& before : request.after)
    command.words.insert(command.words.end(), {"--after", before});
  if (request.run.empty()) return command;
  command.words.insert(command.words.end(), {"--run", request.run});
  command.input = request.key + "\n";
  return command;
}

/// How far a clock is ahead for certain, which was read at some moment between two of ours.
double clock_ahead(double theirs, double began, double ended) {
  if (theirs > ended) return theirs - ended;
  return theirs < began ? theirs - began : 0;
}

}  // namespace

std::string yoke_on(const Host& host, const SurveyRequest& request) {
  return host.yoke.empty() ? request.yoke : host.yoke;
}

bool same_machine(const Survey& a, const Survey& b) {
  return !a.boot_id.empty() && a.boot_id == b.boot_id && a.network_namespace == b.network_namespace &&
         a.host == b.host;
}

SurveyedHost interpret(const Host& host, const std::string& yoke, const RemoteResult& result,
                       const Survey& here) {
  SurveyedHost surveyed;
  surveyed.host = host;
  surveyed.seconds = result.ended - result.began;
  surveyed.trouble = explain(host, yoke, result);
  if (surveyed.trouble) return surveyed;
  try {
    require(!result.output_cut, "it answered with more than {} bytes", longest_survey);
    SurveyAnswer answer = parse_survey(result.output);
    surveyed.build = answer.build;
    if (answer.build != system::this_build()) return surveyed;
    surveyed.clock_ahead = clock_ahead(answer.survey.clock, result.began, result.ended);
    surveyed.is_here = same_machine(answer.survey, here);
    surveyed.survey = std::move(answer.survey);
  } catch (const Error& error) {
    surveyed.trouble = Trouble{fmt::format("{}: {}", host.name, error.what()),
                               "see what the shell there prints when ssh runs a "
                               "command (.bashrc, motd), and which yoke it finds"};
  }
  return surveyed;
}

std::vector<SurveyedHost> survey_hosts(std::span<const Host> hosts, const SurveyRequest& request,
                                       const SshCommand& ssh, const system::Environment& environment,
                                       std::chrono::milliseconds patience) {
  std::vector<RemoteCommand> commands;
  for (const Host& host : hosts) commands.push_back(command_for(host, request));
  const std::vector<RemoteResult> results = run_on_all(ssh, environment, commands, patience);
  const Survey here = take_identity();
  std::vector<SurveyedHost> surveyed;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    surveyed.push_back(interpret(hosts[i], yoke_on(hosts[i], request), results[i], here));
  return surveyed;
}

void end_run(std::span<const Host> hosts, const SurveyRequest& request, const SshCommand& ssh,
             const system::Environment& environment) {
  std::vector<RemoteCommand> commands;
  for (const Host& host : hosts)
    commands.push_back({host, {yoke_on(host, request), "survey", "--end", request.run}, ""});
  run_on_all(ssh, environment, commands, end_patience);
}

}  // namespace yoke::hosts
