#include "system/stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace yoke::system {

namespace {

class PlainStream final : public Stream {
 public:
  explicit PlainStream(FileDescriptor socket) : socket_(std::move(socket)) {}
  int fd() const override { return socket_.get(); }

  Transfer read(std::span<std::byte> into) noexcept override {
    const ssize_t n = ::recv(fd(), into.data(), into.size(), MSG_DONTWAIT);
    return n == 0 ? Transfer{0, false} : outcome(n, POLLIN);
  }

  Transfer write(std::span<const std::byte> bytes) noexcept override {
    return outcome(::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT), POLLOUT);
  }

 private:
  static Transfer outcome(ssize_t n, short wait) noexcept {
    if (n > 0) return {static_cast<std::size_t>(n)};
    const bool again = n == 0 || errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return {0, again, wait};
  }

  FileDescriptor socket_;
};

}  // namespace

void Stream::shut_down() noexcept { ::shutdown(fd(), SHUT_RDWR); }

std::unique_ptr<Stream> plain_stream(FileDescriptor socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace yoke::system
