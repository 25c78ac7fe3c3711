// Connected streams of bytes over non-blocking sockets.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/file_descriptor.h"

namespace yoke::system {

/// What one attempt to read or write has come to.
struct Transfer {
  std::size_t bytes = 0;
  bool open = true;  // false: the peer has gone, or is not whom it has to be any more
  short wait = 0;    // where there are no bytes though it is open: what to poll for, POLLIN or POLLOUT
};

/// Neither call waits. One thread may read and another write at the same time. An end is an end: whoever has
/// to know whether it was meant says so by a last message.
class Stream {
 public:
  /// The least that read() must have room for.
  static constexpr std::size_t read_room = 16384;

  virtual ~Stream() = default;
  virtual int fd() const = 0;

  /// Takes what has arrived, as far as there is room; what is left keeps fd() readable.
  virtual Transfer read(std::span<std::byte> into) noexcept = 0;
  /// Takes some of `bytes`. The next call must begin with all that this one did not take, and may have more.
  virtual Transfer write(std::span<const std::byte> bytes) noexcept = 0;
  /// Ends both directions; the peer finds the end of the stream. Any thread.
  void shut_down() noexcept;
};

/// Just the socket.
std::unique_ptr<Stream> plain_stream(FileDescriptor socket);

}  // namespace yoke::system
