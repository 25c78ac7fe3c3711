// How the other ranks find rank 0 on the network and prove that they belong to the job.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "cluster/channel.h"
#include "cluster/protocol.h"
#include "comm/comm.h"
#include "system/socket.h"

namespace yoke::cluster {

/// Where this process runs, as rank `rank`.
RankPlace this_place(int rank);
/// Every rank's place, in rank order. A collective.
std::vector<RankPlace> introduce_ranks(comm::Comm& comm);

/// Rank 0's open door: on the loopback interface only where all ranks share it.
struct Door {
  system::TcpListener listener;
  Invitation invitation;
};
Door open_door(std::span<const RankPlace> places);

/// Rank 0: waits for ranks 1 to places.size() − 1; element r of the result is the channel to rank r, element
/// 0 is empty. Connections of strangers are dropped and hold nobody up. Throws Error when somebody is missing
/// after `patience`.
std::vector<std::unique_ptr<Channel>> gather_followers(const Door& door, std::span<const RankPlace> places,
                                                       std::chrono::milliseconds patience);

/// Every other rank: connects to whichever of the invitation's addresses leads to rank 0. Throws Error when
/// none does within `patience`.
std::unique_ptr<Channel> join_leader(const Invitation& invitation, int rank,
                                     std::chrono::milliseconds patience);

}  // namespace yoke::cluster
