#include "system/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace yoke::system {

namespace {

FileDescriptor new_socket(int family) {
  return FileDescriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// Small messages must not wait for the acknowledgement of those before. No meaning for Unix sockets.
void send_at_once(const FileDescriptor& socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

sockaddr_un unix_address(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path.native();
  require(text.size() < sizeof address.sun_path,
          "the socket path {} is longer than the {} bytes a path may have", text,
          sizeof address.sun_path - 1);
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

const sockaddr* as_sockaddr(const void* address) { return static_cast<const sockaddr*>(address); }

/// An IP address in its binary form with a port.
struct TcpAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

std::optional<TcpAddress> tcp_address(const std::string& text, std::uint16_t port) {
  TcpAddress result;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
  if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    result.length = sizeof *v4;
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    result.length = sizeof *v6;
  } else {
    return std::nullopt;
  }
  return result;
}

}  // namespace

FileDescriptor listen_unix(const std::filesystem::path& path) {
  const sockaddr_un address = unix_address(path);
  FileDescriptor socket = new_socket(AF_UNIX);
  require(socket && ::bind(socket.get(), as_sockaddr(&address), sizeof address) == 0 &&
              ::listen(socket.get(), SOMAXCONN) == 0,
          "cannot listen on the socket {}: {}", path.native(), std::strerror(errno));
  return socket;
}

FileDescriptor connect_unix(const std::filesystem::path& path, std::chrono::milliseconds patience) {
  constexpr int retry_ms = 20;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const sockaddr_un address = unix_address(path);
  for (;;) {
    FileDescriptor socket = new_socket(AF_UNIX);
    if (socket && ::connect(socket.get(), as_sockaddr(&address), sizeof address) == 0) return socket;
    const int error = errno;
    const bool early = error == ENOENT;
    require(early && std::chrono::steady_clock::now() < deadline, "cannot connect to the socket {}: {}",
            path.native(), std::strerror(error));
    ::poll(nullptr, 0, retry_ms);
  }
}

TcpListener listen_tcp(const std::string& address, std::uint16_t port) {
  const auto wanted = tcp_address(address, port);
  if (!wanted) return {};
  TcpListener listener{new_socket(wanted->storage.ss_family), 0};
  if (!listener.socket) return {};
  const int fd = listener.socket.get();
  const int on = 1;
  // Connections of a listener that is gone may linger at its port.
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage actual{};
  socklen_t length = sizeof actual;
  if (::bind(fd, as_sockaddr(&wanted->storage), wanted->length) != 0 || ::listen(fd, SOMAXCONN) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&actual), &length) != 0)
    return {};
  // The port lies at the same place in both kinds of address.
  listener.port = ntohs(reinterpret_cast<const sockaddr_in*>(&actual)->sin_port);
  return listener;
}

FileDescriptor accept_connection(const FileDescriptor& listener) {
  FileDescriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) send_at_once(socket);
  return socket;
}

FileDescriptor begin_connect_tcp(const std::string& address, std::uint16_t port) {
  const auto to = tcp_address(address, port);
  if (!to) return {};
  FileDescriptor socket = new_socket(to->storage.ss_family);
  if (!socket) return {};
  send_at_once(socket);
  if (::connect(socket.get(), as_sockaddr(&to->storage), to->length) != 0 && errno != EINPROGRESS) return {};
  return socket;
}

Alarm::Alarm() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  require(static_cast<bool>(event_), "cannot create an event descriptor: {}", std::strerror(errno));
}

void Alarm::signal() const noexcept {
  const std::uint64_t one = 1;
  // It can fail only where the counter is full, and then the descriptor is readable already.
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void Alarm::clear() const noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(event_.get(), &count, sizeof count);
}

}  // namespace yoke::system
