#include "hosts/sweep.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "hosts/run_folder.h"
#include "hosts/run_processes.h"
#include "system/detached.h"

namespace yoke::hosts {

namespace {

using Json = nlohmann::json;

constexpr std::size_t longest_sweep = std::size_t{1} << 20;

/// All that comes until the other end is closed.
std::string read_all(const FileDescriptor& input) {
  std::string text;
  std::array<char, 4096> chunk;
  for (;;) {
    const ssize_t n = ::read(input.get(), chunk.data(), chunk.size());
    if (n == 0) return text;
    require(n > 0 || errno == EINTR, "the description of a sweep cannot be read: {}", last_system_error());
    if (n > 0) text.append(chunk.data(), static_cast<std::size_t>(n));
    require(text.size() <= longest_sweep, "the description of a sweep is longer than {} bytes",
            longest_sweep);
  }
}

}  // namespace

std::string write_sweep(const Sweep& sweep) {
  Json hosts = Json::array();
  for (const Host& host : sweep.hosts)
    hosts.push_back({{"name", host.name}, {"user", host.user}, {"yoke", host.yoke}});
  return Json{{"ssh", sweep.ssh}, {"run", sweep.run}, {"folder", sweep.folder}, {"hosts", hosts}}.dump();
}

Sweep parse_sweep(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    Sweep sweep{json.at("ssh").get<std::string>(),
                json.at("run").get<std::string>(),
                json.at("folder").get<std::string>(),
                {}};
    for (const Json& each : json.at("hosts")) {
      Host host;
      host.name = each.at("name").get<std::string>();
      host.user = each.at("user").get<std::string>();
      host.yoke = each.at("yoke").get<std::string>();
      sweep.hosts.push_back(std::move(host));
    }
    return sweep;
  } catch (const Json::exception& error) {
    fail("this is no description of a sweep: {}", error.what());
  }
}

FileDescriptor start_sweeper(const std::string& program, const Sweep& sweep,
                             const system::Environment& environment) {
  FileDescriptor input = system::start_detached({program, "sweep"}, environment);
  std::string text = write_sweep(sweep);
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t n = ::write(input.get(), text.data() + sent, text.size() - sent);
    require(n > 0 || errno == EINTR, "the process that is to clear the hosts has ended: {}",
            last_system_error());
    if (n > 0) sent += static_cast<std::size_t>(n);
  }
  return input;
}

void sweep_at_end(const FileDescriptor& input, const system::Environment& environment) {
  const Sweep sweep = parse_sweep(read_all(input));
  SurveyRequest request;
  request.run = sweep.run;
  if (!sweep.folder.empty()) {
    kill_processes_naming(sweep.folder);  // connections of ssh that would stay for some seconds
    std::error_code ignored;              // the next run tries again
    std::filesystem::remove_all(sweep.folder, ignored);
  }
  kill_processes_of_run(sweep.run);
  remove_run_folder(sweep.run);
  end_run(sweep.hosts, request, SshCommand(sweep.ssh, {}, environment), environment);
}

}  // namespace yoke::hosts
