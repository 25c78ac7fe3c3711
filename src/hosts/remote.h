// Runs commands on many hosts at once, and tells what went wrong on the way there.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hosts/host_list.h"
#include "hosts/ssh.h"
#include "system/environment.h"

namespace yoke::hosts {

struct RemoteCommand {
  Host host;
  std::vector<std::string> words;  // the program there, and its arguments
  std::string input;               // what it finds on its standard input, which then ends
};

struct RemoteResult {
  int exit_code = -1;  // −1 where it did not end by itself
  bool timed_out = false;
  std::string output;
  bool output_cut = false;  // it printed more than was kept
  std::string errors;       // of ssh and of the program; the beginning and the end
  double began = 0;         // this machine's clock, in seconds since 1970
  double ended = 0;
};

/// Hosts that are called at one time.
inline constexpr int most_calls = 8;

/// The results in the order of the commands. A command that has not ended `patience` after its start is
/// killed, so that the whole takes no longer than that for each `most_calls` commands. Never throws for what
/// a host does; throws Error if ssh itself cannot be executed.
std::vector<RemoteResult> run_on_all(const SshCommand& ssh, const system::Environment& environment,
                                     std::span<const RemoteCommand> commands,
                                     std::chrono::milliseconds patience, int at_once = most_calls);

/// Something that is wrong, and what a person can do about it.
struct Trouble {
  std::string sentence;
  std::string remedy;
  bool operator==(const Trouble&) const = default;
};

/// Why a command that ran `yoke` on a host, by this path, did not end well; nothing where it did. The
/// sentence names the host.
std::optional<Trouble> explain(const Host& host, const std::string& yoke, const RemoteResult& result);

}  // namespace yoke::hosts
