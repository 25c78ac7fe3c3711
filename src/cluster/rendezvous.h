// How the other ranks find rank 0 on the network. Who has the job's key belongs to it (system/tls.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file_descriptor.h"
#include "cluster/channel.h"
#include "cluster/protocol.h"
#include "comm/comm.h"
#include "system/secret.h"

namespace yoke::cluster {

/// How the other ranks reach one. That rank → others, over MPI.
struct Invitation {
  std::uint16_t port = 0;
  std::vector<std::string> addresses;
  /// No secret: jobs that share a key file may come to the same address, but not to each other.
  std::uint64_t job = 0;
  /// The links' key, where nothing leaves the machine; empty: each rank has it in its key file.
  std::vector<std::uint8_t> key;
};
void fields(auto& archive, Is<Invitation> auto& m) { archive(m.port, m.addresses, m.job, m.key); }

/// What the links need to know where ranks run on several machines.
struct LinkOptions {
  /// Where a rank may listen, as system::addresses_in has it; empty: at all its addresses.
  std::string network;
  std::filesystem::path key_file;  // every rank's own: a file that holds the same key
};

/// A rank's open door.
struct Door {
  std::vector<FileDescriptor> listeners;  // one for each address, all at one port
  Invitation invitation;
  system::Secret key;
};
/// That of `rank`, whose machine this is. Where all ranks share the loopback interface, on that and with a
/// new key, whatever `options` says. Else at its addresses in the network, at the first of link_ports that is
/// free there, with the file's key. Throws Error if it has no such address, port or key.
Door open_door(std::span<const runtime::Place> places, const LinkOptions& options, int rank = 0);

/// The key of whoever was invited. Throws Error if there is none.
system::Secret link_key(const Invitation& invitation, const LinkOptions& options);

/// Rank 0: waits for ranks 1 to places.size() − 1; element r of the result is the channel to rank r, element
/// 0 is empty. Connections of strangers, who have not the key, are dropped and hold nobody up. Throws Error
/// when somebody is missing after `patience`.
std::vector<std::unique_ptr<Channel>> gather_followers(const Door& door,
                                                       std::span<const runtime::Place> places,
                                                       std::chrono::milliseconds patience);

/// Every other rank: connects to whichever of the invitation's addresses leads to rank 0. Throws Error when
/// none does within `patience`, or when all that answer have another key.
std::unique_ptr<Channel> join_leader(const Invitation& invitation, int rank, const LinkOptions& options,
                                     std::chrono::milliseconds patience);

}  // namespace yoke::cluster
