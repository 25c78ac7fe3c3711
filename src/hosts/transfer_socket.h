// Sockets of a transfer: every wait has an end.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/file_descriptor.h"
#include "hosts/ports.h"

namespace yoke::hosts {

using Moment = std::chrono::steady_clock::time_point;

struct TransferListener {
  FileDescriptor socket;
  std::uint16_t port = 0;
};
/// On the first free port of the range at this address alone. Throws Error.
TransferListener listen_in(const PortRange& range, const std::string& address);

/// Begins to connect, without waiting. No socket where that fails at once: errno says why.
FileDescriptor begin_connect(const std::string& address, std::uint16_t port);
/// What has become of it: empty once it is connected, else half a sentence; nothing while it is under way.
std::optional<std::string> connection_state(const FileDescriptor& socket);

/// Whether the socket became readable (writable) in time.
bool wait_readable(const FileDescriptor& socket, Moment limit);
bool wait_writable(const FileDescriptor& socket, Moment limit);

/// The whole of it in time; false if the time was over or the connection ended.
bool send_all(const FileDescriptor& socket, std::span<const std::byte> bytes, Moment limit);
bool receive_all(const FileDescriptor& socket, std::span<std::byte> bytes, Moment limit);

/// What the kernel knows of the way: bytes of the largest packet, and of what a packet carries.
int path_mtu(const FileDescriptor& socket);
int segment_bytes(const FileDescriptor& socket);

}  // namespace yoke::hosts
