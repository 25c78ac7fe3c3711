// How a command gets onto another machine: ssh, or what the user wants called in its place.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "hosts/host_list.h"
#include "system/environment.h"

namespace yoke::hosts {

/// The words of a command line as a shell would split them: at spaces, with '…', "…" and \ to keep them
/// together. Nothing is expanded. Throws Error for a quote without its end.
std::vector<std::string> split_words(std::string_view line);

/// A word as every login shell (sh, csh and fish) takes it for one: quoted where it has to be. A "~/" at its
/// front stays outside, so that the shell makes the home folder of it. Throws Error for a word with a control
/// character, which no shell's quotes hold.
std::string quote_for_shell(std::string_view word);
/// The words as one line for such a shell.
std::string quote_for_shell(const std::vector<std::string>& words);

class SshCommand {
 public:
  /// `command` as --ssh gives it (rsync's -e): a program and its arguments; empty: "ssh". The run's folder,
  /// if there is any, keeps the sockets by which calls to one host share a connection. OpenSSH's ssh gets
  /// options by which it asks nothing and gives up early; other programs get "[-l USER] HOST COMMAND" alone.
  /// Throws Error for a command that cannot be split or found.
  SshCommand(std::string_view command, const std::filesystem::path& run_folder,
             const system::Environment& environment);

  /// What runs `remote` on the host. The first word is a path.
  std::vector<std::string> on(const Host& host, const std::vector<std::string>& remote) const;
  /// The same without host and command: for those who add these themselves (mpirun's plm_rsh_agent).
  const std::vector<std::string>& agent() const { return words_; }
  /// What leads connections to the Unix socket `there` on the host to `here`, a socket of this machine, while
  /// it runs. It has a connection of its own, so that the end of the one is that of the other. Throws Error
  /// for other programs than OpenSSH's ssh.
  std::vector<std::string> forward(const Host& host, const std::string& there, const std::string& here) const;
  /// What ends the shared connection to the host; nothing where none is shared.
  std::vector<std::string> end_of(const Host& host) const;
  bool is_openssh() const { return is_openssh_; }

 private:
  std::vector<std::string> words_;
  std::vector<std::string> unshared_;  // the same for a connection of its own
  bool is_openssh_ = false;
  bool shares_ = false;
};

}  // namespace yoke::hosts
