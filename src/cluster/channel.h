// Messages over a connected stream socket.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

#include "cluster/protocol.h"
#include "system/socket.h"

namespace yoke::cluster {

/// Any thread may send; one thread at a time receives. A message is sent whole or the channel is broken.
class Channel {
 public:
  /// `max_bytes` limits each message that is received.
  explicit Channel(FileDescriptor socket, std::size_t max_bytes = max_frame_bytes);

  int fd() const { return socket_.get(); }

  /// Waits while the peer does not read, but no longer than `patience` if one is given. Throws Error if the
  /// peer is gone or the time is over.
  void send(const Message& message, std::optional<std::chrono::milliseconds> patience = std::nullopt);
  /// A sign of life that never waits: nothing is sent where another thread is sending or the peer does not
  /// read. A peer that is gone is for receive() to find.
  void send_heartbeat() noexcept;

  /// Ends both directions: what waits in send() throws, the peer finds the end of the stream. Any thread.
  void shut_down() noexcept;

  /// Takes some of what has arrived, without waiting; what is left keeps fd() readable. False when the peer
  /// has closed; next() may still have messages.
  bool receive();
  /// The next message that has been received. Throws Error on a bad frame.
  std::optional<Message> next() { return reader_.next(); }
  void set_limit(std::size_t max_bytes) { reader_.set_limit(max_bytes); }

 private:
  /// Writes of `outgoing_` what the socket takes; false if the peer is gone.
  bool flush() noexcept;

  FileDescriptor socket_;
  FrameReader reader_;
  std::mutex sending_;
  std::vector<std::byte> outgoing_;  // what remains of messages that are being sent
};

}  // namespace yoke::cluster
