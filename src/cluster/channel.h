// Messages over a connected stream socket.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cluster/protocol.h"
#include "system/stream.h"

namespace yoke::cluster {

/// Carries frames. Any thread may send; one thread at a time receives. A frame is sent whole or the channel
/// is broken.
class Channel {
 public:
  /// `max_bytes` limits each message that is received.
  explicit Channel(std::unique_ptr<system::Stream> stream, std::size_t max_bytes = max_frame_bytes);
  /// Of a socket that is private as it is.
  explicit Channel(FileDescriptor socket, std::size_t max_bytes = max_frame_bytes);

  int fd() const { return stream_->fd(); }

  /// Sends what encode() has made. Waits while the peer does not read, but no longer than `patience` if one
  /// is given. Throws Error if the peer is gone or the time is over.
  void send(std::span<const std::byte> frame,
            std::optional<std::chrono::milliseconds> patience = std::nullopt);
  /// A sign of life that never waits: nothing is sent where another thread is sending or the peer does not
  /// read. A peer that is gone is for receive() to find.
  void send_heartbeat(std::span<const std::byte> frame) noexcept;

  /// Ends both directions: what waits in send() throws, the peer finds the end of the stream. Any thread.
  void shut_down() noexcept { stream_->shut_down(); }

  /// Takes some of what has arrived, without waiting; what is left keeps fd() readable. False when the peer
  /// has closed; next() may still have messages.
  bool receive();
  /// The next frame that has been received, for decode(); it lasts until the next receive(). Throws Error on
  /// a bad one.
  std::optional<std::span<const std::byte>> next() { return reader_.next(); }
  void set_limit(std::size_t max_bytes) { reader_.set_limit(max_bytes); }

 private:
  /// Writes of `outgoing_` what the stream takes, and tells what came of the last attempt.
  system::Transfer flush() noexcept;

  std::unique_ptr<system::Stream> stream_;
  FrameReader reader_;
  std::mutex sending_;
  std::vector<std::byte> outgoing_;  // what remains of messages that are being sent
};

/// A channel on which one conversation is heard and another said.
template <class Heard, class Said>
class Talk {
 public:
  explicit Talk(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}

  void say(const Said& message, std::optional<std::chrono::milliseconds> patience = std::nullopt) {
    channel_->send(encode(message), patience);
  }
  /// Channel::next(). Throws Error on what does not belong to the conversation.
  std::optional<Heard> next() {
    const auto frame = channel_->next();
    if (!frame) return std::nullopt;
    return decode<Heard>(*frame);
  }
  Channel& channel() const { return *channel_; }

 private:
  std::unique_ptr<Channel> channel_;
};

/// The two ends of the socket between a starter and its engine.
using EngineEnd = Talk<ToEngine, FromEngine>;
using StarterEnd = Talk<FromEngine, ToEngine>;

}  // namespace yoke::cluster
