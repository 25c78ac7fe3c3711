#include "cluster/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <new>

#include "base/error.h"

namespace yoke::cluster {

Channel::Channel(FileDescriptor socket, std::size_t max_bytes)
    : socket_(std::move(socket)), reader_(max_bytes) {}

bool Channel::flush() noexcept {
  std::size_t sent = 0;
  bool alive = true;
  while (alive && sent < outgoing_.size()) {
    const ssize_t n =
        ::send(socket_.get(), outgoing_.data() + sent, outgoing_.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else {
      alive = errno == EINTR;
    }
  }
  outgoing_.erase(outgoing_.begin(), outgoing_.begin() + static_cast<std::ptrdiff_t>(sent));
  return alive;
}

void Channel::send(std::span<const std::byte> frame, std::optional<std::chrono::milliseconds> patience) {
  const auto start = std::chrono::steady_clock::now();
  const std::lock_guard lock(sending_);
  outgoing_.insert(outgoing_.end(), frame.begin(), frame.end());
  for (;;) {
    require(flush(), "the peer has closed the connection");
    if (outgoing_.empty()) return;
    int wait = -1;
    if (patience) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(start + *patience - std::chrono::steady_clock::now());
      require(left.count() > 0, "the peer did not read for {} ms", patience->count());
      wait = static_cast<int>(left.count());
    }
    pollfd writable{socket_.get(), POLLOUT, 0};
    ::poll(&writable, 1, wait);
  }
}

void Channel::send_heartbeat(std::span<const std::byte> frame) noexcept {
  const std::unique_lock lock(sending_, std::try_to_lock);
  if (!lock) return;
  try {
    if (outgoing_.empty()) outgoing_.assign(frame.begin(), frame.end());
  } catch (const std::bad_alloc&) {
    return;  // the next one may find memory
  }
  flush();
}

void Channel::shut_down() noexcept { ::shutdown(socket_.get(), SHUT_RDWR); }

bool Channel::receive() {
  std::array<std::byte, 65536> chunk;
  const ssize_t n = ::recv(socket_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  reader_.feed(std::span(chunk).first(static_cast<std::size_t>(n)));
  return n > 0;
}

}  // namespace yoke::cluster
