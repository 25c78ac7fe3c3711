// Two ends of one encrypted connection over the loopback interface.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "system/socket.h"
#include "system/tls.h"

namespace yoke {

/// The calling end and the called one.
inline std::pair<FileDescriptor, FileDescriptor> tcp_pair() {
  const system::TcpListener listener = system::listen_tcp("127.0.0.1");
  FileDescriptor caller = system::begin_connect_tcp("127.0.0.1", listener.port);
  pollfd ready{listener.socket.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ready, 1, 30000), 1);
  return {std::move(caller), system::accept_connection(listener.socket)};
}

/// Drives both handshakes until they are done; what one of them throws ends it.
inline void shake_hands(system::TlsStream& a, system::TlsStream& b) {
  std::array<system::TlsStream*, 2> ends{&a, &b};
  std::array<short, 2> awaited{POLLOUT, POLLIN};
  while (awaited[0] != 0 || awaited[1] != 0) {
    std::array<pollfd, 2> polled{};
    for (std::size_t i = 0; i < 2; ++i) polled[i] = {awaited[i] == 0 ? -1 : ends[i]->fd(), awaited[i], 0};
    ASSERT_GT(::poll(polled.data(), polled.size(), 30000), 0) << "the handshake came to a halt";
    for (std::size_t i = 0; i < 2; ++i)
      if (polled[i].revents != 0) awaited[i] = ends[i]->shake_hands();
  }
}

inline std::pair<std::unique_ptr<system::TlsStream>, std::unique_ptr<system::TlsStream>> tls_pair(
    const system::Tls& tls = system::Tls(system::Secret::random())) {
  auto [calling, called] = tcp_pair();
  auto ends = std::pair(tls.connect(std::move(calling)), tls.accept(std::move(called)));
  shake_hands(*ends.first, *ends.second);
  return ends;
}

}  // namespace yoke
