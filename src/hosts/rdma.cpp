#include "hosts/rdma.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

namespace yoke::hosts {

namespace {

namespace fs = std::filesystem;

/// The first line; empty where the file cannot be read, as sysfs has many.
std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator each(folder, error), end; !error && each != end; each.increment(error))
    entries.push_back(each->path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// The names in /dev/infiniband, by device.
std::map<std::string, std::string> read_device_files(const std::string& root) {
  std::map<std::string, std::string> files;
  for (const fs::path& each : sorted_entries(root + "/sys/class/infiniband_verbs"))
    if (const std::string device = first_line(each / "ibdev"); !device.empty())
      files[device] = "/dev/infiniband/" + each.filename().native();
  return files;
}

/// "ACTIVE" of "4: ACTIVE".
std::string read_state(const fs::path& port) {
  const std::string line = first_line(port / "state");
  const std::size_t colon = line.find(": ");
  return colon == std::string::npos ? line : line.substr(colon + 2);
}

std::vector<std::string> read_interfaces_of(const fs::path& port) {
  std::vector<std::string> names;
  for (const fs::path& each : sorted_entries(port / "gid_attrs" / "ndevs")) {
    const std::string name = first_line(each);
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

/// "100" of "100 Gb/sec (4X EDR)".
int read_gbit(const fs::path& port) {
  std::ifstream file(port / "rate");
  double rate = 0;
  constexpr double most = 1e6;
  return file >> rate && rate > 0 && rate < most ? static_cast<int>(rate) : 0;
}

/// A channel adapter is InfiniBand's or RoCE's; iWARP's is an "RNIC". Only software on top of another card
/// names its "parent".
bool counts(const fs::path& device) {
  std::error_code error;
  return first_line(device / "node_type").starts_with("1:") && !fs::exists(device / "parent", error);
}

}  // namespace

std::string kind_of(const RdmaPort& port) { return port.link_layer == "Ethernet" ? "RoCE" : port.link_layer; }

std::vector<RdmaPort> read_rdma_ports(const std::string& root) {
  const std::map<std::string, std::string> files = read_device_files(root);
  std::vector<RdmaPort> ports;
  for (const fs::path& device : sorted_entries(root + "/sys/class/infiniband")) {
    if (!counts(device)) continue;
    const std::string name = device.filename().native();
    for (const fs::path& path : sorted_entries(device / "ports")) {
      RdmaPort& port = ports.emplace_back();
      port.name = name + "/" + path.filename().native();
      port.link_layer = first_line(path / "link_layer");
      port.state = read_state(path);
      port.gbit = read_gbit(path);
      if (port.link_layer == "Ethernet") port.interfaces = read_interfaces_of(path);
      const auto file = files.find(name);
      if (file == files.end()) continue;
      port.device_file = file->second;
      port.permitted = ::access((root + port.device_file).c_str(), R_OK | W_OK) == 0;
    }
  }
  return ports;
}

}  // namespace yoke::hosts
