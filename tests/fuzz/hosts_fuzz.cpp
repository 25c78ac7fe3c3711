// Any text is either refused with a sentence or is a list of hosts that ssh can be given.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "hosts/cluster_file.h"
#include "hosts/host_list.h"

namespace {

using namespace yoke::hosts;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_hosts(const std::vector<Host>& hosts) {
  check(!hosts.empty() && hosts.size() <= most_hosts);
  int slots = 0;
  for (const Host& host : hosts) {
    check(!host.name.empty() && !destination(host).starts_with('-') && host.name.front() != '-');
    check(destination(host).find_first_of(" \t\r\n;|&$`'\"\\<>()*?/") == std::string::npos);
    check(host.slots >= 1 && host.threads >= 0 && host.weight > 0 && host.weight == hosts.front().weight);
    slots += host.slots;
  }
  check(slots <= most_hosts);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 4) {
      case 0:
        check_hosts(parse_hosts(text));
        break;
      case 1:
        check_hosts(parse_hostfile(text, "fuzz"));
        break;
      case 2:
        check_hosts(parse_cluster_file(text, Trust::anybody, "fuzz").hosts);
        break;
      default:
        check_hosts(parse_cluster_file(text, Trust::own_configuration, "fuzz").hosts);
    }
  } catch (const yoke::Error& error) {
    check(*error.what() != '\0');
  }
  return 0;
}
