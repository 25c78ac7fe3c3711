// Transfers between all hosts over the ports that a run uses, both ways, so that a firewall, a slow link and
// a network that drops large packets show before a run does.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hosts/remote.h"
#include "hosts/ssh.h"
#include "hosts/transfer_server.h"

namespace yoke::hosts {

/// One end.
struct TransferHost {
  Host host;
  std::string yoke;     // path of the program there
  std::string address;  // in the network that is measured
};

struct Transfer {
  std::size_t from = 0;  // who connected and sent
  std::size_t to = 0;
  std::vector<std::uint16_t> ports;  // of `to`
  Measurement found;
};

struct Transfers {
  std::vector<Transfer> pairs;                   // each ordered pair of hosts that both serve
  std::vector<std::optional<Trouble>> troubles;  // of each host: why it takes no part
};

/// Who measures to whom at the same time: rounds in which no host occurs twice, which together have every
/// ordered pair once.
std::vector<std::vector<std::pair<std::size_t, std::size_t>>> rounds_of(std::size_t hosts);

/// Starts a server on every host, which must have the folder of the run, and lets them measure; what looks
/// slow is measured again. `progress` (may be empty) is told how many of how many pairs are done. Never
/// throws for what a host does.
Transfers measure_transfers(std::span<const TransferHost> hosts, const std::string& run,
                            const SshCommand& ssh, const system::Environment& environment,
                            const std::function<void(std::size_t, std::size_t)>& progress);

}  // namespace yoke::hosts
