// A private stream that waits for its peer, as long as that does something.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "system/socket.h"
#include "system/tls.h"

namespace yoke::cluster {

/// One thread uses it, but for what signals the alarm.
class PatientStream {
 public:
  /// `patience`: how long the peer may do nothing; nothing: for ever. `stop`, which outlives this, ends
  /// everything that waits.
  PatientStream(std::unique_ptr<system::TlsStream> stream, const system::Alarm& stop,
                std::optional<std::chrono::milliseconds> patience);

  void set_patience(std::optional<std::chrono::milliseconds> patience) { patience_ = patience; }

  // Each throws Error where the peer is gone, was idle for too long, or where it is to stop.

  void wait_until_connected();
  void shake_hands();
  void send(std::span<const std::byte> bytes);
  void receive(std::span<std::byte> to);
  /// False where the peer has ended the stream before the first byte.
  bool receive_or_end(std::span<std::byte> to);

 private:
  void wait(short events);
  /// Bytes that have come; 0: the stream has ended.
  std::size_t receive_some(std::span<std::byte> to);

  std::unique_ptr<system::TlsStream> stream_;
  const system::Alarm& stop_;
  std::optional<std::chrono::milliseconds> patience_;
  std::vector<std::byte> spare_;  // what came with what was asked for
  std::size_t spare_begin_ = 0;
  std::size_t spare_end_ = 0;
};

}  // namespace yoke::cluster
