#include "hosts/run_processes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "hosts/run_folder.h"

namespace yoke::hosts {

namespace {

namespace fs = std::filesystem;

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_ours(const fs::path& process) {
  struct stat status {};
  return ::stat(process.c_str(), &status) == 0 && status.st_uid == ::geteuid();
}

bool names(const fs::path& process, const std::string& folder) {
  std::ifstream file(process / "cmdline", std::ios::binary);
  const std::string words{std::istreambuf_iterator<char>(file), {}};
  return words.find(folder) != std::string::npos;
}

}  // namespace

void kill_processes_of_run(std::string_view name) {
  const std::string folder = run_folder(name).native();
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string pid = entry->path().filename().native();
    if (!is_number(pid) || pid == std::to_string(::getpid()) || !is_ours(entry->path())) continue;
    if (names(entry->path(), folder)) ::kill(static_cast<pid_t>(std::stol(pid)), SIGKILL);
  }
}

}  // namespace yoke::hosts
