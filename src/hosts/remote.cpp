#include "hosts/remote.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/printable.h"
#include "system/child_process.h"

namespace yoke::hosts {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t half_of_output = std::size_t{1} << 18;
/// How long a child may take to be collected whose pipes are closed.
constexpr milliseconds end_patience{200};

double unix_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// One command on its way.
struct Call {
  Call(const std::vector<std::string>& command, const system::Environment& environment,
       const std::string& input, std::size_t number, Clock::time_point limit)
      : child(command, environment, {.input = true, .separate_errors = true, .half = half_of_output}),
        index(number),
        deadline(limit) {
    child.write_input(input);
    child.close_input();
  }
  system::ChildProcess child;
  std::size_t index;
  Clock::time_point deadline;
};

/// Fills in the result if the call is over; whether it is.
bool conclude(Call& call, bool open, RemoteResult& result) {
  const bool late = Clock::now() >= call.deadline;
  // Something that ssh has left behind may keep its pipes open, so the end is looked for as well.
  const std::optional<int> status = call.child.wait(open ? milliseconds{0} : end_patience);
  if (!status && !late) return false;
  if (status && WIFEXITED(*status)) result.exit_code = WEXITSTATUS(*status);
  result.timed_out = !status;
  result.output = call.child.output();
  result.output_cut = call.child.output_cut();
  result.errors = call.child.errors();
  result.ended = unix_time();
  return true;
}

void wait_for_any(const std::vector<std::unique_ptr<Call>>& calls) {
  constexpr int glance_ms = 20;  // to see ends that no descriptor tells, and deadlines
  std::vector<pollfd> descriptors;
  for (const auto& call : calls)
    for (const pollfd& each : call->child.polled()) descriptors.push_back(each);
  ::poll(descriptors.data(), descriptors.size(), glance_ms);
}

/// What a sentence in the errors of ssh or a shell means.
struct Symptom {
  std::string_view words;
  std::string_view sentence;  // {0}: the host, {1}: user@host, {2}: the path of yoke
  std::string_view remedy;
};

/// The first that is found counts.
constexpr std::array<Symptom, 18> symptoms{{
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", "the host key of {0} is not the one that ssh knows",
     "if {0} was installed anew: ssh-keygen -R {0}, then ssh {1} once to accept its key"},
    {"Host key verification failed", "ssh does not know the host key of {0} yet",
     "ssh {1} once by hand, compare the key it shows and accept it"},
    {"Could not resolve hostname", "the name {0} is not known to this machine",
     "look for a slip in the name, or add it to /etc/hosts or to ~/.ssh/config"},
    {"No route to host", "there is no route to {0}, or nothing has its address",
     "see that {0} is switched on and in the same network"},
    {"Network is unreachable", "this machine has no network that leads to {0}",
     "see that this machine's network is up"},
    {"Connection refused", "{0} is there, but no sshd listens on it",
     "start it there: apt install openssh-server, or systemctl start sshd"},
    {"Connection timed out", "{0} did not answer ssh",
     "see that {0} is switched on, and that no firewall drops port 22"},
    {" timed out", "{0} stopped answering ssh",
     "see that it is switched on, and that its link to this machine is up"},
    {"Connection closed by", "{0} closed the connection before anybody was logged in",
     "look into sshd's log there (journalctl -u ssh)"},
    {"Connection reset by", "{0} closed the connection before anybody was logged in",
     "look into sshd's log there (journalctl -u ssh)"},
    {"Too many authentication failures", "sshd on {0} was shown too many keys",
     "name the right one for {0} in ~/.ssh/config (IdentityFile, IdentitiesOnly yes)"},
    {"Permission denied (", "ssh needs a password on {0}", "ssh-copy-id {1}"},
    {"error while loading shared libraries", "yoke cannot start on {0}, where a library is missing",
     "install there what this machine has: apt install openmpi-bin libhwloc15 libfmt9, or build yoke there"},
    {"Exec format error", "{2} on {0} is built for another kind of processor",
     "build yoke there, or name the right one with --yoke PATH"},
    {"ommand not found", "there is no yoke at {2} on {0}",
     "copy it there, or name its place with --yoke PATH"},
    {"No such file or directory", "there is no yoke at {2} on {0}",
     "copy it there, or name its place with --yoke PATH"},
    {": not found", "there is no yoke at {2} on {0}", "copy it there, or name its place with --yoke PATH"},
    {"ermission denied", "{2} on {0} cannot be executed",
     "chmod +x it there, and see that its folder can be read"},
}};

/// The last line that says something.
std::string last_line(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return {};
  text = text.substr(0, end + 1);
  return printable(text.substr(text.rfind('\n') + 1), 300);
}

/// The sentence that yoke itself has ended with; empty where it has not.
std::string sentence_of_yoke(std::string_view errors) {
  constexpr std::string_view prefix = "yoke: ";
  const std::size_t begin = errors.rfind(prefix);
  if (begin == std::string_view::npos || (begin > 0 && errors[begin - 1] != '\n')) return {};
  const std::string_view rest = errors.substr(begin + prefix.size());
  return printable(rest.substr(0, rest.find('\n')), 400);
}

}  // namespace

std::vector<RemoteResult> run_on_all(const SshCommand& ssh, const system::Environment& environment,
                                     std::span<const RemoteCommand> commands, milliseconds patience,
                                     int at_once) {
  std::vector<RemoteResult> results(commands.size());
  std::vector<std::unique_ptr<Call>> calls;
  std::size_t started = 0;
  while (started < commands.size() || !calls.empty()) {
    while (started < commands.size() && calls.size() < static_cast<std::size_t>(at_once)) {
      const RemoteCommand& command = commands[started];
      results[started].began = unix_time();
      calls.push_back(std::make_unique<Call>(ssh.on(command.host, command.words), environment, command.input,
                                             started, Clock::now() + patience));
      ++started;
    }
    wait_for_any(calls);
    std::erase_if(calls, [&](const std::unique_ptr<Call>& call) {
      return conclude(*call, call->child.exchange(), results[call->index]);
    });
  }
  return results;
}

std::optional<Trouble> explain(const Host& host, const std::string& yoke, const RemoteResult& result) {
  if (result.exit_code == 0) return std::nullopt;
  if (const std::string sentence = sentence_of_yoke(result.errors); !sentence.empty()) {
    if (sentence.find("there is no command") != std::string::npos)
      return Trouble{fmt::format("{} on {} is of another version: it knows no surveys", yoke, host.name),
                     "copy this machine's yoke there, or name another with --yoke PATH"};
    return Trouble{fmt::format("{}: {}", host.name, sentence), ""};
  }
  for (const Symptom& symptom : symptoms) {
    if (result.errors.find(symptom.words) == std::string::npos) continue;
    const std::string who = destination(host);
    return Trouble{fmt::format(fmt::runtime(symptom.sentence), host.name, who, yoke),
                   fmt::format(fmt::runtime(symptom.remedy), host.name, who, yoke)};
  }
  const std::string said = last_line(result.errors);
  const std::string and_said = said.empty() ? "" : ": it said '" + said + "'";
  if (result.timed_out)
    return Trouble{
        fmt::format("{} was called through ssh and did not answer in time{}", host.name, and_said),
        fmt::format("try ssh {} by hand; if that hangs, too, large packets may be lost on the way (MTU)",
                    destination(host))};
  return Trouble{fmt::format("ssh to {} ended with {}{}", host.name, result.exit_code, and_said),
                 fmt::format("try ssh {} by hand", destination(host))};
}

}  // namespace yoke::hosts
