#include "cluster/patient_stream.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace yoke::cluster {

PatientStream::PatientStream(std::unique_ptr<system::TlsStream> stream, const system::Alarm& stop,
                             std::optional<std::chrono::milliseconds> patience)
    : stream_(std::move(stream)), stop_(stop), patience_(patience), spare_(4 * system::Stream::read_room) {}

void PatientStream::wait(short events) {
  std::array<pollfd, 2> polled{pollfd{stream_->fd(), events, 0}, pollfd{stop_.fd(), POLLIN, 0}};
  int ready = 0;
  do {
    ready = ::poll(polled.data(), polled.size(), patience_ ? static_cast<int>(patience_->count()) : -1);
  } while (ready < 0 && errno == EINTR);
  require(polled[1].revents == 0, "it is not wanted any more");
  require(ready != 0, "it did nothing for {} s",
          patience_.value_or(std::chrono::milliseconds()).count() / 1000);
}

void PatientStream::wait_until_connected() { wait(POLLOUT); }

void PatientStream::shake_hands() {
  while (const short events = stream_->shake_hands()) wait(events);
}

void PatientStream::send(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const system::Transfer sent = stream_->write(bytes);
    require(sent.open, "it has closed the connection");
    if (sent.bytes == 0) wait(sent.wait);
    bytes = bytes.subspan(sent.bytes);
  }
}

std::size_t PatientStream::receive_some(std::span<std::byte> to) {
  while (spare_begin_ == spare_end_) {
    const bool into_place = to.size() >= system::Stream::read_room;
    const system::Transfer arrived = stream_->read(into_place ? to : std::span(spare_));
    if (into_place && arrived.bytes > 0) return arrived.bytes;
    spare_begin_ = 0;
    spare_end_ = arrived.bytes;
    if (arrived.bytes > 0) break;
    if (!arrived.open) return 0;
    wait(arrived.wait);
  }
  const std::size_t n = std::min(to.size(), spare_end_ - spare_begin_);
  std::memcpy(to.data(), spare_.data() + spare_begin_, n);
  spare_begin_ += n;
  return n;
}

bool PatientStream::receive_or_end(std::span<std::byte> to) {
  const std::size_t first = receive_some(to);
  if (first == 0) return false;
  receive(to.subspan(first));
  return true;
}

void PatientStream::receive(std::span<std::byte> to) {
  while (!to.empty()) {
    const std::size_t n = receive_some(to);
    require(n > 0, "it has closed the connection");
    to = to.subspan(n);
  }
}

}  // namespace yoke::cluster
