#include "hosts/transfer_socket.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "system/cidr.h"

namespace yoke::hosts {

namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const std::string& text, std::uint16_t port) {
  const auto address = system::parse_address(text);
  require(address.has_value(), "'{}' is no IP address", text);
  SocketAddress result;
  if (address->v6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    std::memcpy(&v6->sin6_addr, address->bytes.data(), sizeof v6->sin6_addr);
    result.length = sizeof *v6;
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    std::memcpy(&v4->sin_addr, address->bytes.data(), sizeof v4->sin_addr);
    result.length = sizeof *v4;
  }
  return result;
}

FileDescriptor new_socket(const SocketAddress& address) {
  FileDescriptor socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return socket;
}

bool wait_for(const FileDescriptor& socket, short event, Moment limit) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit - std::chrono::steady_clock::now());
    if (left.count() < 0) return false;
    pollfd polled{socket.get(), event, 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

int int_option(const FileDescriptor& socket, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(socket.get(), level, name, &value, &length) == 0 ? value : 0;
}

}  // namespace

TransferListener listen_in(const PortRange& range, const std::string& address) {
  for (std::uint16_t port = range.first; port <= range.last; ++port) {
    const SocketAddress at = socket_address(address, port);
    FileDescriptor socket = new_socket(at);
    if (socket && ::bind(socket.get(), at.get(), at.length) == 0 && ::listen(socket.get(), SOMAXCONN) == 0)
      return {std::move(socket), port};
    require(errno == EADDRINUSE, "cannot listen on {} at port {}: {}", address, port, std::strerror(errno));
  }
  fail("all ports from {} to {}, which are for {}, are in use on {}", range.first, range.last, range.what,
       address);
}

FileDescriptor begin_connect(const std::string& address, std::uint16_t port) {
  const SocketAddress to = socket_address(address, port);
  FileDescriptor socket = new_socket(to);
  if (socket && ::connect(socket.get(), to.get(), to.length) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    socket.close();
    errno = error;
  }
  return socket;
}

std::optional<std::string> connection_state(const FileDescriptor& socket) {
  pollfd polled{socket.get(), POLLOUT, 0};
  if (::poll(&polled, 1, 0) <= 0) return std::nullopt;
  const int error = int_option(socket, SOL_SOCKET, SO_ERROR);
  if (error == 0) return "";
  return std::string(std::strerror(error));
}

bool wait_readable(const FileDescriptor& socket, Moment limit) { return wait_for(socket, POLLIN, limit); }
bool wait_writable(const FileDescriptor& socket, Moment limit) { return wait_for(socket, POLLOUT, limit); }

bool send_all(const FileDescriptor& socket, std::span<const std::byte> bytes, Moment limit) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (!would_block() || !wait_writable(socket, limit)) {
      return false;
    }
  }
  return true;
}

bool receive_all(const FileDescriptor& socket, std::span<std::byte> bytes, Moment limit) {
  while (!bytes.empty()) {
    const ssize_t n = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
    if (n > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (n == 0 || !would_block() || !wait_readable(socket, limit)) {
      return false;
    }
  }
  return true;
}

int path_mtu(const FileDescriptor& socket) {
  const int mtu = int_option(socket, IPPROTO_IP, IP_MTU);
  return mtu > 0 ? mtu : int_option(socket, IPPROTO_IPV6, IPV6_MTU);
}

int segment_bytes(const FileDescriptor& socket) { return int_option(socket, IPPROTO_TCP, TCP_MAXSEG); }

}  // namespace yoke::hosts
