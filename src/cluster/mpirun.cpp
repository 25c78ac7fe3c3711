#include "cluster/mpirun.h"

#include <sys/wait.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>
#include <sstream>

#include "base/error.h"
#include "cluster/agent_script.h"
#include "system/child_process.h"
#include "system/open_mpi.h"

namespace yoke::cluster {

namespace {

namespace fs = std::filesystem;

/// The decimal number that follows `words` in `text`.
std::optional<int> number_after(std::string_view text, std::string_view words) {
  const auto found = text.find(words);
  if (found == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(found + words.size());
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  int number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc() || end == rest.data()) return std::nullopt;
  return number;
}

/// The word that follows `words` in `text`.
std::optional<std::string> word_after(std::string_view text, std::string_view words) {
  const auto found = text.find(words);
  if (found == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(found + words.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return std::string(rest.substr(0, rest.find_first_of(" \r\n")));
}

std::string name_of(const std::string& node, const MachineNames& names) {
  const auto name = names.find(node);
  return name == names.end() ? node : name->second;
}

/// `node` is mpirun's name for the machine where it runs, if it tells one.
std::string describe_rank(int rank, std::span<const runtime::Place> places, const JobMachines& machines,
                          const std::optional<std::string>& node = {}) {
  for (const runtime::Place& place : places)
    if (place.rank == rank) return describe(place);
  if (rank < std::ssize(machines.of_ranks))
    return fmt::format("rank {} on {}", rank, machines.of_ranks[static_cast<std::size_t>(rank)]);
  return node ? fmt::format("rank {} on {}", rank, name_of(*node, machines.names))
              : fmt::format("rank {}", rank);
}

std::string describe_signal(int number) { return fmt::format("signal {} ({})", number, ::strsignal(number)); }

/// The last words of a rank.
std::optional<std::string> find_last_words(std::string_view printed) {
  const auto found = printed.find(last_words_prefix);
  if (found == std::string_view::npos) return std::nullopt;
  const std::string_view rest = printed.substr(found + last_words_prefix.size());
  return std::string(rest.substr(0, rest.find('\n')));
}

/// mpirun's report on a rank that a signal ended: "… process rank 2 with PID 0 on node a exited on signal 9
/// (Killed)."
std::optional<std::string> find_signal(std::string_view printed, std::span<const runtime::Place> places,
                                       const JobMachines& machines) {
  const auto rank = number_after(printed, "process rank ");
  const auto number = number_after(printed, "exited on signal ");
  if (!rank || !number) return std::nullopt;
  const auto report = printed.substr(printed.find("process rank "));
  return fmt::format("{} was lost: ended by {}",
                     describe_rank(*rank, places, machines, word_after(report, "on node ")),
                     describe_signal(*number));
}

/// mpirun's report on a rank that gave up: "Process name: [[18443,1],2]", then "Exit code: 1".
std::optional<std::string> find_exit(std::string_view printed, std::span<const runtime::Place> places,
                                     const JobMachines& machines) {
  const auto code = number_after(printed, "Exit code:");
  const auto name = printed.find("Process name: [[");
  if (!code || name == std::string_view::npos) return std::nullopt;
  const auto rank = number_after(printed.substr(name), "],");
  if (!rank) return std::nullopt;
  return fmt::format("{} was lost: it ended with exit code {}", describe_rank(*rank, places, machines),
                     *code);
}

/// What mpirun notes, asked for its notes (state_base_verbose), of a rank that a signal ended before it had
/// joined MPI, of which it makes no report: "ACTIVATE PROC [[19869,1],2] STATE ABORTED BY SIGNAL".
std::optional<std::string> find_aborted(std::string_view printed, std::span<const runtime::Place> places,
                                        const JobMachines& machines) {
  const auto state = printed.find("STATE ABORTED BY SIGNAL");
  if (state == std::string_view::npos) return std::nullopt;
  const auto note = printed.substr(0, state).rfind("ACTIVATE PROC [[");
  if (note == std::string_view::npos) return std::nullopt;
  const auto rank = number_after(printed.substr(note, state - note), "],");
  if (!rank) return std::nullopt;
  return fmt::format("{} was lost: ended by a signal", describe_rank(*rank, places, machines));
}

/// mpirun's report on a machine whose daemon it has lost: "Remote daemon: [[19871,0],1] on node 10.0.0.2".
std::optional<std::string> find_lost_daemon(std::string_view printed, const MachineNames& names) {
  const auto report = printed.find("Remote daemon:");
  if (report == std::string_view::npos) return std::nullopt;
  const auto node = word_after(printed.substr(report), "on node ");
  if (!node) return std::nullopt;
  return fmt::format(
      "{} was lost: Open MPI's daemon there was killed, or the machine is off or cut off from the network",
      name_of(*node, names));
}

/// A rank's report on another that has closed its connection: "Peer host:  node2".
std::optional<std::string> find_lost_peer(std::string_view printed) {
  const auto host = word_after(printed, "Peer host:");
  if (!host) return std::nullopt;
  return fmt::format("a rank on {} was lost: it ended without a word", *host);
}

/// The first line that says something, for what we do not know. mpirun's own notes say nothing to people.
std::optional<std::string> find_first_line(const std::string& printed) {
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of(" \t\r-*");
    const bool note = line.find("ACTIVATE ") != std::string::npos;
    if (begin != std::string::npos && !note) return line.substr(begin);
  }
  return std::nullopt;
}

std::string describe_status(int status) {
  if (status < 0) return "stopped answering";
  if (WIFSIGNALED(status)) return "was ended by " + describe_signal(WTERMSIG(status));
  return fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

/// Those that a process's own instructions raise.
bool is_crash(int number) {
  return number == SIGSEGV || number == SIGABRT || number == SIGFPE || number == SIGBUS;
}

void add(std::vector<std::string>& command, std::initializer_list<std::string> words) {
  command.insert(command.end(), words);
}

}  // namespace

fs::path find_mpirun(const system::Environment& environment) {
  const auto path = system::find_open_mpi("mpirun", environment);
  require(path.has_value(),
          "more than one rank needs mpirun, which is not in PATH nor in /usr/lib64/openmpi/bin: install the "
          "package openmpi-bin (Debian, Ubuntu) or openmpi (Fedora)");
  return *path;
}

int parse_mpirun_version(const std::string& printed) {
  const auto major = number_after(printed, "(Open MPI)");
  require(major.has_value(),
          "mpirun is not Open MPI's (it says \"{}\"): put Open MPI's first in PATH (package openmpi-bin or "
          "openmpi)",
          find_first_line(printed).value_or("nothing"));
  require(*major >= 4, "mpirun is of Open MPI {}, but 4 or later is needed", *major);
  return *major;
}

int ask_mpirun_version(const fs::path& mpirun, const system::Environment& environment) {
  constexpr std::chrono::seconds patience{10};
  system::ChildProcess child({mpirun.native(), "--version"}, environment);
  require(child.wait(patience).has_value(), "{} --version did not end", mpirun.native());
  return parse_mpirun_version(child.output());
}

std::vector<std::string> mpirun_command(const LocalJob& job, const std::vector<std::string>& program) {
  const std::string directory = job.directory.native();
  std::vector<std::string> command{job.mpirun.native(), "-n", std::to_string(job.ranks)};
  if (job.as_root) add(command, {"--allow-run-as-root"});
  add(command, {"--bind-to", "none"});
  add(command, {"--mca", "pml", "ob1", "--mca", "osc", "^ucx,rdma"});
  if (job.cores_shared) add(command, {"--mca", "mpi_yield_when_idle", "1"});
  // Message buffers lie in the run's own directory, so that a killed run leaves none behind.
  if (job.major_version == 4) {
    add(command, {"--oversubscribe", "--mca", "plm", "isolated", "--mca", "oob_tcp_if_include", "lo"});
    add(command, {"--mca", "odls_base_sigkill_timeout", "0", "--mca", "mtl", "^ofi,psm,psm2"});
    add(command, {"--mca", "btl", "self,vader", "--mca", "btl_vader_backing_directory", directory});
  } else {
    add(command, {"--map-by", ":OVERSUBSCRIBE", "--prtemca", "plm", "^slurm", "--prtemca", "ras", "^slurm"});
    add(command, {"--prtemca", "odls_base_sigkill_timeout", "0", "--mca", "mtl", "^ofi,psm2"});
    add(command, {"--mca", "btl", "self,sm", "--mca", "btl_sm_backing_directory", directory});
  }
  command.insert(command.end(), program.begin(), program.end());
  return command;
}

std::optional<std::string> find_ended_daemon(std::string_view printed, const MachineNames& names) {
  const auto node = word_after(printed, agent_end_prefix);
  if (!node) return std::nullopt;
  return fmt::format(
      "{} was lost while its rank started: Open MPI's daemon there ended, or the connection through ssh did",
      name_of(*node, names));
}

std::string explain_end(const std::string& printed, int status, std::span<const runtime::Place> places,
                        const JobMachines& machines) {
  // A daemon's end comes before that of the ranks, which then tell of each other.
  if (auto sentence = find_lost_daemon(printed, machines.names)) return *sentence;
  if (auto words = find_last_words(printed)) return *words;
  if (auto sentence = find_signal(printed, places, machines)) return *sentence;
  if (auto sentence = find_exit(printed, places, machines)) return *sentence;
  if (auto sentence = find_aborted(printed, places, machines)) return *sentence;
  if (auto sentence = find_lost_peer(printed)) return *sentence;
  if (auto sentence = find_ended_daemon(printed, machines.names)) return *sentence;
  const auto line = find_first_line(printed);
  // Several ranks hang together by mpirun; one is the process itself.
  const bool of_several = places.size() > 1 || machines.of_ranks.size() > 1;
  const bool killed = status >= 0 && WIFSIGNALED(status);
  return (of_several && killed ? "what holds the ranks together, on this machine, " : "the engine ") +
         describe_status(status) + (line ? " and said: " + *line : "");
}

runtime::DeathCause cause_of_end(const std::string& printed, int status) {
  if (find_lost_daemon(printed, {})) return runtime::DeathCause::loss;
  const bool of_rank = number_after(printed, "process rank ").has_value();
  std::optional<int> signal = of_rank ? number_after(printed, "exited on signal ") : std::nullopt;
  if (!signal && status >= 0 && WIFSIGNALED(status)) signal = WTERMSIG(status);
  return signal && is_crash(*signal) ? runtime::DeathCause::crash : runtime::DeathCause::loss;
}

}  // namespace yoke::cluster
