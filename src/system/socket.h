// Makers of stream sockets. Every socket is non-blocking and closed on exec.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/file_descriptor.h"

namespace yoke::system {

/// Creates the socket file; its directory must be private. Throws Error.
FileDescriptor listen_unix(const std::filesystem::path& path);
/// Tries for as long as `patience` where there is no such socket yet, as behind a socket that ssh is only now
/// leading here.
FileDescriptor connect_unix(const std::filesystem::path& path, std::chrono::milliseconds patience = {});

struct TcpListener {
  FileDescriptor socket;
  std::uint16_t port = 0;
};
/// At this one address; port 0: whichever the system chooses. No socket if that cannot be; errno says why.
TcpListener listen_tcp(const std::string& address, std::uint16_t port = 0);

/// The next waiting connection, or none.
FileDescriptor accept_connection(const FileDescriptor& listener);

/// Begins to connect; the socket becomes writable when the attempt has ended. None if it failed at once.
FileDescriptor begin_connect_tcp(const std::string& address, std::uint16_t port);

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
