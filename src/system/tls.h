// Streams that only those who share a key can read, write or take part in: TLS 1.3 with an external
// pre-shared key (RFC 8446, sections 2.2 and 4.2.11) and an ephemeral Diffie-Hellman exchange, so that
// whoever learns the key later cannot read what was said before. No certificates, no session tickets, no
// early data.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "system/secret.h"
#include "system/stream.h"

namespace yoke::system {

/// The other side says that its key is another than ours. It is not known yet who the other side is.
class OtherKey : public Error {
 public:
  using Error::Error;
};

/// Reads and writes once the handshake is done. A peer's key updates go unnoticed.
class TlsStream : public Stream {
 public:
  /// Goes on with the handshake as far as it goes without waiting: 0 once it is done, both sides having
  /// proved that they have the key; else what to poll for, POLLIN or POLLOUT. Throws OtherKey, or Error on a
  /// peer that is gone or says anything else than a handshake; the stream is of no use then. One thread.
  virtual short shake_hands() = 0;
};

/// Makes such streams of connected sockets. Any thread.
class Tls {
 public:
  /// Records under one key of a direction, before the writer goes on to the next: AES-GCM is good for 2^24.5
  /// (RFC 8446, section 5.5).
  static constexpr std::uint64_t default_records_per_key = std::uint64_t{1} << 23;

  /// Throws Error if the system's OpenSSL does not let us.
  explicit Tls(const Secret& key, std::uint64_t records_per_key = default_records_per_key);

  /// The side that was called. Throws Error if memory is short, as connect() does.
  std::unique_ptr<TlsStream> accept(FileDescriptor socket) const;
  /// The side that calls; the connection need not stand yet.
  std::unique_ptr<TlsStream> connect(FileDescriptor socket) const;

  class Context;

 private:
  std::shared_ptr<const Context> context_;
};

}  // namespace yoke::system
