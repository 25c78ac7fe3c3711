#include "hosts/daemon_port.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "base/error.h"

namespace yoke::hosts {

namespace {

/// The local port in a line of /proc/net/tcp: "0: 00000000:AFC8 00000000:0000 0A …", the local address and
/// port, those of the peer, and the state, all hexadecimal (proc_net_tcp.txt of Linux). 0 where there is
/// none.
int local_port(const std::string& line) {
  std::istringstream words(line);
  std::string number, local;
  words >> number >> local;
  const std::size_t colon = local.rfind(':');
  if (colon == std::string::npos) return 0;
  int port = 0;
  std::from_chars(local.data() + colon + 1, local.data() + local.size(), port, 16);
  return port;
}

}  // namespace

std::vector<int> ports_in_use(const PortRange& range, const std::string& root) {
  std::set<int> found;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(root + table);
    for (std::string line; std::getline(file, line);) {
      const int port = local_port(line);
      if (port >= range.first && port <= range.last) found.insert(port);
    }
  }
  return {found.begin(), found.end()};
}

int choose_daemon_port(std::string_view run, std::span<const int> in_use) {
  const auto n = static_cast<std::size_t>(daemon_ports.count());
  const std::size_t first = std::hash<std::string_view>{}(run);
  for (std::size_t i = 0; i < n; ++i) {
    const int port = daemon_ports.first + static_cast<int>((first + i) % n);
    if (std::find(in_use.begin(), in_use.end(), port) == in_use.end()) return port;
  }
  fail(
      "all TCP ports from {} to {} are in use on some machine, or were within the last minute; each run "
      "needs one that is free on all of them",
      daemon_ports.first, daemon_ports.last);
}

}  // namespace yoke::hosts
