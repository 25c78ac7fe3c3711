#include "cluster/channel.h"

#include <poll.h>

#include <array>
#include <new>
#include <utility>

#include "base/error.h"

namespace yoke::cluster {

Channel::Channel(std::unique_ptr<system::Stream> stream, std::size_t max_bytes)
    : stream_(std::move(stream)), reader_(max_bytes) {}

Channel::Channel(FileDescriptor socket, std::size_t max_bytes)
    : Channel(system::plain_stream(std::move(socket)), max_bytes) {}

system::Transfer Channel::flush() noexcept {
  std::size_t sent = 0;
  system::Transfer last;
  while (sent < outgoing_.size()) {
    last = stream_->write(std::span(outgoing_).subspan(sent));
    if (last.bytes == 0) break;
    sent += last.bytes;
  }
  outgoing_.erase(outgoing_.begin(), outgoing_.begin() + static_cast<std::ptrdiff_t>(sent));
  return last;
}

void Channel::send(std::span<const std::byte> frame, std::optional<std::chrono::milliseconds> patience) {
  const auto start = std::chrono::steady_clock::now();
  const std::lock_guard lock(sending_);
  outgoing_.insert(outgoing_.end(), frame.begin(), frame.end());
  for (;;) {
    const system::Transfer last = flush();
    require(last.open, "the peer has closed the connection");
    if (outgoing_.empty()) return;
    int wait = -1;
    if (patience) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(start + *patience - std::chrono::steady_clock::now());
      require(left.count() > 0, "the peer did not read for {} ms", patience->count());
      wait = static_cast<int>(left.count());
    }
    pollfd ready{fd(), last.wait, 0};
    ::poll(&ready, 1, wait);
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

bool Channel::receive() {
  std::array<std::byte, 65536> chunk;
  const system::Transfer arrived = stream_->read(chunk);
  reader_.feed(std::span(chunk).first(arrived.bytes));
  return arrived.open;
}

}  // namespace yoke::cluster
