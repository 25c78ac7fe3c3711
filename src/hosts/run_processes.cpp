#include "hosts/run_processes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "hosts/run_folder.h"

namespace yoke::hosts {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds look_period{10};

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_ours(const fs::path& process) {
  struct stat status {};
  return ::stat(process.c_str(), &status) == 0 && status.st_uid == ::geteuid();
}

/// Hosts of a lab see each other's processes, and have the same names for folders.
bool is_on_this_machine(const fs::path& process) {
  struct stat here {
  }, there{};
  return ::stat("/proc/self/ns/net", &here) != 0 || ::stat((process / "ns/net").c_str(), &there) != 0 ||
         here.st_ino == there.st_ino;
}

/// Empty where the process has ended, even since its file was opened: reading that is an error then, which
/// `<<` keeps to itself.
std::string read_all(const fs::path& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

bool names(const fs::path& process, const std::string& folder) {
  return read_all(process / "cmdline").find(folder) != std::string::npos;
}

/// proc(5): "PID (NAME) STATE …".
bool is_stopped(const fs::path& process) {
  const std::string stat = read_all(process / "stat");
  const std::size_t end = stat.rfind(')');
  return end != std::string::npos && end + 2 < stat.size() && stat[end + 2] == 'T';
}

std::string program_of(const fs::path& process) {
  const std::string words = read_all(process / "cmdline");
  const std::string first = words.substr(0, words.find('\0'));
  return first.substr(first.rfind('/') + 1);
}

/// Calls act(pid) for each process that was started with a path in the folder, until it returns false.
template <class Act>
void for_each_process(const fs::path& path, Act act) {
  const std::string& folder = path.native();
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string pid = entry->path().filename().native();
    if (!is_number(pid) || pid == std::to_string(::getpid()) || !is_ours(entry->path())) continue;
    if (names(entry->path(), folder) && is_on_this_machine(entry->path()) &&
        !act(static_cast<pid_t>(std::stol(pid))))
      return;
  }
}

}  // namespace

bool runs_here(std::string_view name) {
  bool found = false;
  for_each_process(run_folder(name), [&](pid_t) {
    found = true;
    return false;
  });
  return found;
}

std::vector<StoppedProcess> stopped_processes(std::string_view name) {
  return stopped_processes_naming(run_folder(name));
}

std::vector<StoppedProcess> stopped_processes_naming(const fs::path& folder) {
  std::vector<StoppedProcess> stopped;
  for_each_process(folder, [&](pid_t pid) {
    const fs::path process = fs::path("/proc") / std::to_string(pid);
    if (is_stopped(process)) stopped.push_back({pid, program_of(process)});
    return true;
  });
  return stopped;
}

void kill_processes_of_run(std::string_view name) { kill_processes_naming(run_folder(name)); }

void kill_processes_naming(const fs::path& folder) {
  for_each_process(folder, [](pid_t pid) {
    ::kill(pid, SIGKILL);
    return true;
  });
}

void end_processes_of_run(std::string_view name, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (runs_here(name) && std::chrono::steady_clock::now() < deadline) {
    kill_processes_of_run(name);
    std::this_thread::sleep_for(look_period);
  }
}

}  // namespace yoke::hosts
