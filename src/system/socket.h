// Makers of stream sockets. Every socket is non-blocking and closed on exec.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file_descriptor.h"

namespace yoke::system {

/// Creates the socket file; its directory must be private. Throws Error.
FileDescriptor listen_unix(const std::filesystem::path& path);
FileDescriptor connect_unix(const std::filesystem::path& path);

struct TcpListener {
  FileDescriptor socket;
  std::uint16_t port = 0;  // chosen by the system
};
/// On 127.0.0.1 only, or on every address (IPv6 too where there is any). Throws Error.
TcpListener listen_tcp(bool loopback_only);

/// The next waiting connection, or none.
FileDescriptor accept_connection(const FileDescriptor& listener);

/// Begins to connect; the socket becomes writable when the attempt has ended. None if it failed at once.
FileDescriptor begin_connect_tcp(const std::string& address, std::uint16_t port);

/// This host's addresses other than loopback and link-local ones, IPv4 first.
std::vector<std::string> local_addresses();

/// Becomes readable once signal() has been called, from any thread or signal handler; stays so until clear().
class Alarm {
 public:
  Alarm();
  int fd() const { return event_.get(); }
  void signal() const noexcept;
  void clear() const noexcept;

 private:
  FileDescriptor event_;
};

}  // namespace yoke::system
