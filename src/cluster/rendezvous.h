// How the other ranks find rank 0 on the network and prove that they belong to the job.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cluster/channel.h"
#include "cluster/protocol.h"
#include "system/socket.h"

namespace yoke::cluster {

/// How the other ranks reach rank 0, and what proves that they are who they say. Rank 0 → others, over MPI.
struct Invitation {
  std::uint16_t port = 0;
  std::vector<std::string> addresses;
  Cookie to_leader{};
  Cookie from_leader{};
};
void fields(auto& archive, Is<Invitation> auto& m) {
  archive(m.port, m.addresses, m.to_leader, m.from_leader);
}

/// Rank 0's open door: on the loopback interface only where all ranks share it.
struct Door {
  system::TcpListener listener;
  Invitation invitation;
};
Door open_door(std::span<const runtime::Place> places);

/// Rank 0: waits for ranks 1 to places.size() − 1; element r of the result is the channel to rank r, element
/// 0 is empty. Connections of strangers are dropped and hold nobody up. Throws Error when somebody is missing
/// after `patience`.
std::vector<std::unique_ptr<Channel>> gather_followers(const Door& door,
                                                       std::span<const runtime::Place> places,
                                                       std::chrono::milliseconds patience);

/// Every other rank: connects to whichever of the invitation's addresses leads to rank 0. Throws Error when
/// none does within `patience`.
std::unique_ptr<Channel> join_leader(const Invitation& invitation, int rank,
                                     std::chrono::milliseconds patience);

}  // namespace yoke::cluster
