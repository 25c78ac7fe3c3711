#include "hosts/ssh.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/printable.h"
#include "system/child_process.h"

namespace yoke::hosts {

namespace {

constexpr std::chrono::seconds version_patience{2};

bool is_plain(char c) {
  constexpr std::string_view others = "_@%+=:,./-";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         others.find(c) != std::string_view::npos;
}

/// '…', without what some shells take for more between quotes: that stands outside, behind a backslash.
std::string quote_parts(std::string_view word) {
  constexpr std::string_view special = "'\\!";
  std::string text;
  while (!word.empty()) {
    const std::size_t end = std::min(word.find_first_of(special), word.size());
    if (end > 0) {
      text += fmt::format("'{}'", word.substr(0, end));
      word.remove_prefix(end);
    } else {
      text += fmt::format("\\{}", word.front());
      word.remove_prefix(1);
    }
  }
  return text;
}

/// Whether the program that is called at the end of these words is OpenSSH's client: "ssh" itself, or behind
/// what calls it ("ip netns exec a ssh -p 2222").
bool calls_openssh(const std::vector<std::string>& words, const system::Environment& environment) {
  const auto program = std::find_if(words.begin(), words.end(), [](const std::string& word) {
    return word.substr(word.rfind('/') + 1) == "ssh";
  });
  if (program == words.end() || (program != words.begin() && (program - 1)->starts_with('-'))) return false;
  const auto path = system::find_program(*program, environment);
  if (!path) return false;
  system::ChildProcess child({*path, "-V"}, environment);
  return child.wait(version_patience) && child.output().starts_with("OpenSSH");
}

}  // namespace

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  const auto add = [&](char c) { words.back() += c; };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    const bool escapes = c == '\\' && quote != '\'' && i + 1 < line.size() &&
                         (quote == 0 || line[i + 1] == '"' || line[i + 1] == '\\');
    if (escapes) {
      add(line[++i]);
    } else if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else {
      add(c);
    }
  }
  require(quote == 0, "'{}' has a quote ({}) without its end", printable(line), quote);
  return words;
}

std::string quote_for_shell(std::string_view word) {
  require(std::none_of(word.begin(), word.end(),
                       [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }),
          "'{}' has a control character, so it cannot be given to a shell on another host", printable(word));
  constexpr std::string_view home = "~/";
  if (word == home) return std::string(home);
  if (word.starts_with(home)) return fmt::format("{}{}", home, quote_for_shell(word.substr(home.size())));
  if (word.empty()) return "''";
  // csh and fish begin something of their own with other marks at the front.
  if (word.front() != '=' && word.front() != '%' && std::all_of(word.begin(), word.end(), is_plain))
    return std::string(word);
  return quote_parts(word);
}

std::string quote_for_shell(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    line += quote_for_shell(word);
  }
  return line;
}

SshCommand::SshCommand(std::string_view command, const std::filesystem::path& run_folder,
                       const system::Environment& environment)
    : words_(split_words(command.empty() ? "ssh" : command)) {
  require(!words_.empty() && !words_.front().empty(), "--ssh: '{}' names no program", printable(command));
  const auto path = system::find_program(words_.front(), environment);
  require(path.has_value(), "--ssh: the program {} is not to be found{}", printable(words_.front()),
          command.empty() ? " (package openssh-client)" : "");
  is_openssh_ = calls_openssh(words_, environment);
  words_.front() = *path;
  if (!is_openssh_) return;
  // ssh takes the first that it is told of an option, so the user's own stand.
  for (const char* option :
       {"BatchMode=yes", "ConnectTimeout=2", "ServerAliveInterval=2", "ServerAliveCountMax=2"})
    words_.insert(words_.end(), {"-o", option});
  unshared_ = words_;
  shares_ = !run_folder.empty();
  if (!shares_) return;
  const std::string sockets = fmt::format("ControlPath=\"{}\"", (run_folder / "%C").native());
  words_.insert(words_.end(), {"-o", "ControlMaster=auto", "-o", sockets, "-o", "ControlPersist=5"});
}

std::vector<std::string> SshCommand::on(const Host& host, const std::vector<std::string>& remote) const {
  std::vector<std::string> command = words_;
  if (!host.user.empty()) command.insert(command.end(), {"-l", host.user});
  command.insert(command.end(), {host.name, quote_for_shell(remote)});
  return command;
}

std::vector<std::string> SshCommand::forward(const Host& host, const std::string& there,
                                             const std::string& here) const {
  require(
      is_openssh_,
      "--ssh: {} is not OpenSSH's ssh, so it cannot lead a socket here: start on the first host of the list",
      printable(words_.front()));
  std::vector<std::string> command = unshared_;
  command.insert(command.end(), {"-o", "ControlPath=none", "-o", "ExitOnForwardFailure=yes", "-o",
                                 "StreamLocalBindUnlink=yes", "-N", "-R", fmt::format("{}:{}", there, here)});
  if (!host.user.empty()) command.insert(command.end(), {"-l", host.user});
  command.push_back(host.name);
  return command;
}

std::vector<std::string> SshCommand::end_of(const Host& host) const {
  if (!shares_) return {};
  std::vector<std::string> command = words_;
  command.insert(command.end(), {"-O", "exit"});
  if (!host.user.empty()) command.insert(command.end(), {"-l", host.user});
  command.push_back(host.name);
  return command;
}

}  // namespace yoke::hosts
