#include "system/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/error_of.h"
#include "common/tls_pair.h"

namespace yoke::system {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Bytes random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(generator());
  return bytes;
}

void wait_for(const Stream& stream, short event) {
  pollfd ready{stream.fd(), event, 0};
  ASSERT_EQ(::poll(&ready, 1, 30000), 1) << "nothing came";
}

/// Writes all; in how many attempts.
int write_all(Stream& stream, std::span<const std::byte> bytes) {
  int attempts = 0;
  while (!bytes.empty()) {
    const Transfer done = stream.write(bytes);
    ++attempts;
    if (!done.open) fail("closed");
    if (done.bytes == 0) wait_for(stream, done.wait);
    bytes = bytes.subspan(done.bytes);
  }
  return attempts;
}

/// What comes until `size` bytes are there or the stream ends.
Bytes read_some(Stream& stream, std::size_t size) {
  Bytes all;
  Bytes chunk(65536);
  while (all.size() < size) {
    const Transfer arrived = stream.read(chunk);
    if (!arrived.open) break;
    if (arrived.bytes == 0) wait_for(stream, POLLIN);
    all.insert(all.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(arrived.bytes));
  }
  return all;
}

bool can_read(const Stream& stream) {
  pollfd ready{stream.fd(), POLLIN, 0};
  return ::poll(&ready, 1, 0) == 1;
}

/// What the handshake of a peer that says `bytes`, and then perhaps closes, comes to.
std::string refusal_of(std::string_view bytes, bool closes, bool as_caller = false) {
  auto [calling, called] = tcp_pair();
  const Tls tls(Secret::random());
  const auto stream = as_caller ? tls.connect(std::move(calling)) : tls.accept(std::move(called));
  FileDescriptor peer = std::move(as_caller ? called : calling);
  if (as_caller) stream->shake_hands();
  EXPECT_EQ(::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
  if (closes) ::shutdown(peer.get(), SHUT_WR);
  return error_of([&] {
    for (int i = 0; i < 20; ++i) {
      wait_for(*stream, POLLIN);
      if (stream->shake_hands() == 0) return;
    }
  });
}

TEST(Tls, CarriesBytesBothWays) {
  const auto [a, b] = tls_pair();
  EXPECT_EQ(a->write(bytes_of("hello")).bytes, 5U);
  EXPECT_EQ(read_some(*b, 5), bytes_of("hello"));
  EXPECT_EQ(b->write(bytes_of("well met")).bytes, 8U);
  EXPECT_EQ(read_some(*a, 8), bytes_of("well met"));
}

TEST(Tls, SaysNothingThatWasNotAskedFor) {
  const auto [a, b] = tls_pair();
  EXPECT_FALSE(can_read(*a));  // no session ticket
  EXPECT_FALSE(can_read(*b));
  Bytes room(Stream::read_room);
  const Transfer nothing = a->read(room);
  EXPECT_TRUE(nothing.open);
  EXPECT_EQ(nothing.bytes, 0U);
  EXPECT_EQ(nothing.wait, POLLIN);
}

TEST(Tls, WhatAReaderHasNoRoomForKeepsTheSocketReadable) {
  const auto [a, b] = tls_pair();
  const Bytes sent = random_bytes(100'000, 1);
  write_all(*a, sent);
  Bytes all;
  Bytes room(Stream::read_room);
  while (all.size() < sent.size()) {
    wait_for(*b, POLLIN);
    const Transfer arrived = b->read(room);
    ASSERT_TRUE(arrived.open);
    all.insert(all.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(arrived.bytes));
  }
  EXPECT_EQ(all, sent);
}

TEST(Tls, BothSidesSeeThatKeysDiffer) {
  auto [calling, called] = tcp_pair();
  const auto caller = Tls(Secret::random()).connect(std::move(calling));
  const auto callee = Tls(Secret::random()).accept(std::move(called));
  EXPECT_EQ(caller->shake_hands(), POLLIN);
  wait_for(*callee, POLLIN);
  EXPECT_THROW(callee->shake_hands(), OtherKey);
  wait_for(*caller, POLLIN);
  EXPECT_THROW(caller->shake_hands(), OtherKey);
}

TEST(Tls, APeerThatSpeaksPlainTextOrNonsenseIsRefused) {
  std::string garbage;
  for (const std::byte byte : random_bytes(4000, 2)) garbage += static_cast<char>(byte);
  for (const bool as_caller : {false, true}) {
    for (const std::string& said : {std::string("GET / HTTP/1.1\r\nHost: rank0\r\n\r\n"),
                                    std::string("SSH-2.0-OpenSSH_9.2\r\n"), garbage, std::string(4000, '\0')})
      EXPECT_THAT(refusal_of(said, false, as_caller), HasSubstr("does not speak TLS as we do")) << said;
  }
}

TEST(Tls, APeerThatClosesDuringTheHandshakeIsGone) {
  // The beginning of a greeting that would have 512 bytes.
  const std::string begun("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  EXPECT_THAT(refusal_of("", true), HasSubstr("has closed"));
  EXPECT_THAT(refusal_of(begun, true), HasSubstr("has closed"));
  EXPECT_THAT(refusal_of("", true, true), HasSubstr("has closed"));
}

TEST(Tls, APeerThatVanishesBeforeItsLastWordIsGone) {
  auto [calling, called] = tcp_pair();
  const Tls tls(Secret::random());
  auto caller = tls.connect(std::move(calling));
  const auto callee = tls.accept(std::move(called));
  EXPECT_EQ(caller->shake_hands(), POLLIN);
  wait_for(*callee, POLLIN);
  EXPECT_EQ(callee->shake_hands(), POLLIN);
  caller.reset();
  wait_for(*callee, POLLIN);
  EXPECT_THAT(error_of([&] { callee->shake_hands(); }), HasSubstr("has closed"));
}

TEST(Tls, APeerThatSaysNothingOrHalfAGreetingIsNotWaitedFor) {
  auto [calling, called] = tcp_pair();
  const auto callee = Tls(Secret::random()).accept(std::move(called));
  EXPECT_EQ(callee->shake_hands(), POLLIN);
  ASSERT_EQ(::send(calling.get(), "\x16\x03\x01\x02\x00\x01", 6, 0), 6);
  wait_for(*callee, POLLIN);
  EXPECT_EQ(callee->shake_hands(), POLLIN);
}

TEST(Tls, ACallToNobodyFails) {
  std::uint16_t port = 0;
  { port = listen_tcp("127.0.0.1").port; }
  const auto caller = Tls(Secret::random()).connect(begin_connect_tcp("127.0.0.1", port));
  wait_for(*caller, POLLOUT);
  EXPECT_THROW(caller->shake_hands(), Error);
}

TEST(Tls, WhatSomebodyElseWritesIntoTheConnectionEndsIt) {
  const auto [a, b] = tls_pair();
  // A well-formed record of application data that nobody with the key has written.
  const std::string forged = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
  ASSERT_EQ(::send(a->fd(), forged.data(), forged.size(), 0), std::ssize(forged));
  EXPECT_TRUE(read_some(*b, 1).empty());
}

TEST(Tls, ThePeersEndIsTheEndOfTheStreamAndRaisesNoSignal) {
  auto [a, b] = tls_pair();
  write_all(*a, bytes_of("last"));
  a.reset();
  EXPECT_EQ(read_some(*b, 100), bytes_of("last"));
  const Bytes more(1000);
  bool open = true;
  for (int i = 0; open && i < 1000; ++i) open = b->write(more).open;
  EXPECT_FALSE(open);
}

TEST(Tls, AWriterIsToldWhenThePeerDoesNotRead) {
  const auto [a, b] = tls_pair();
  const Bytes sent = random_bytes(32 << 20, 3);
  std::span<const std::byte> left(sent);
  Transfer last;
  do {
    last = a->write(left);
    left = left.subspan(last.bytes);
  } while (last.bytes != 0);
  EXPECT_TRUE(last.open);
  EXPECT_EQ(last.wait, POLLOUT);
  ASSERT_FALSE(left.empty());
  // The record that was cut off goes on from another place in memory, with more behind it.
  Bytes moved(left.begin(), left.end());
  std::thread writing([&] { write_all(*a, moved); });
  EXPECT_EQ(read_some(*b, sent.size()), sent);
  writing.join();
}

TEST(Tls, CarriesMegabytesBothWaysAtOnceAcrossChangesOfKeys) {
  // Every third record is the last under its key.
  const auto [a, b] = tls_pair(Tls(Secret::random(), 3));
  const Bytes from_a = random_bytes(5'000'000, 4);
  const Bytes from_b = random_bytes(5'000'000, 5);
  std::thread writing_a([&, &a = a] { write_all(*a, from_a); });
  std::thread writing_b([&, &b = b] { write_all(*b, from_b); });
  std::thread reading_a([&, &a = a] { EXPECT_EQ(read_some(*a, from_b.size()), from_b); });
  EXPECT_EQ(read_some(*b, from_a.size()), from_a);
  for (std::thread* thread : {&writing_a, &writing_b, &reading_a}) thread->join();
}

/// A peer made of OpenSSL as it comes.
struct ForeignPeer {
  explicit ForeignPeer(FileDescriptor given, bool calls)
      : socket(std::move(given)), context(::SSL_CTX_new(::TLS_method()), ::SSL_CTX_free) {
    ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    calls_ = calls;
  }

  void show_certificate() {
    const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key(::EVP_EC_gen("P-256"), ::EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&::X509_free)> certificate(::X509_new(), ::X509_free);
    ::X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    ::X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    ::X509_set_pubkey(certificate.get(), key.get());
    ::X509_sign(certificate.get(), key.get(), ::EVP_sha256());
    ASSERT_EQ(::SSL_CTX_use_certificate(context.get(), certificate.get()), 1);
    ASSERT_EQ(::SSL_CTX_use_PrivateKey(context.get(), key.get()), 1);
  }

  /// As the called or the calling side, in a thread of its own until it is done or fails.
  void shake_hands() {
    ssl.reset(::SSL_new(context.get()));
    ::SSL_set_fd(ssl.get(), socket.get());
    for (;;) {
      const int result = calls_ ? ::SSL_connect(ssl.get()) : ::SSL_accept(ssl.get());
      if (result == 1) return;
      const int error = ::SSL_get_error(ssl.get(), result);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return;
      pollfd ready{socket.get(), static_cast<short>(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
      if (::poll(&ready, 1, 30000) != 1) return;
    }
  }

  FileDescriptor socket;
  std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context;
  struct Free {
    void operator()(SSL* owned) const { ::SSL_free(owned); }
  };
  std::unique_ptr<SSL, Free> ssl;

 private:
  bool calls_;
};

/// What our handshake with a foreign peer comes to.
std::string outcome_with(ForeignPeer& peer, TlsStream& ours) {
  std::thread theirs([&] { peer.shake_hands(); });
  const std::string sentence = error_of([&] {
    for (short awaited = POLLOUT; awaited != 0;) {
      wait_for(ours, awaited);
      awaited = ours.shake_hands();
    }
  });
  ours.shut_down();
  theirs.join();
  return sentence;
}

TEST(Tls, ACertificateIsNoKey) {
  auto [calling, called] = tcp_pair();
  ForeignPeer impostor(std::move(called), false);
  impostor.show_certificate();
  const auto caller = Tls(Secret::random()).connect(std::move(calling));
  EXPECT_THAT(outcome_with(impostor, *caller),
              HasSubstr("does not speak TLS as we do: certificate verify failed"));
}

TEST(Tls, ACallerWithoutAKeyIsRefused) {
  auto [calling, called] = tcp_pair();
  ForeignPeer stranger(std::move(calling), true);
  stranger.show_certificate();
  const auto callee = Tls(Secret::random()).accept(std::move(called));
  EXPECT_THAT(outcome_with(stranger, *callee), HasSubstr("does not speak TLS as we do"));
}

const Secret& zero_key() {
  static const Secret key = Secret::parse(std::string(64, '0'));
  return key;
}

unsigned int old_key(SSL*, const char*, char* identity, unsigned int, unsigned char* key, unsigned int) {
  std::string("yoke").copy(identity, 5);
  identity[4] = '\0';
  std::fill_n(key, 32, std::uint8_t{0});
  return 32;
}

TEST(Tls, OlderVersionsAreRefusedEvenWithTheKey) {
  auto [calling, called] = tcp_pair();
  ForeignPeer old(std::move(calling), true);
  SSL_CTX_set_max_proto_version(old.context.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_psk_client_callback(old.context.get(), old_key);
  const auto callee = Tls(zero_key()).accept(std::move(called));
  EXPECT_THAT(outcome_with(old, *callee), HasSubstr("does not speak TLS as we do: unsupported protocol"));
}

TEST(Tls, APeerThatAsksForNewKeysGetsThemUnnoticed) {
  auto [calling, called] = tcp_pair();
  ForeignPeer peer(std::move(calling), true);
  SSL_CTX_set_min_proto_version(peer.context.get(), TLS1_3_VERSION);
  ::SSL_CTX_set_psk_client_callback(peer.context.get(), old_key);
  const auto ours = Tls(zero_key()).accept(std::move(called));
  std::thread theirs([&] {
    peer.shake_hands();
    for (int round = 0; round < 50; ++round) {
      ASSERT_EQ(::SSL_key_update(peer.ssl.get(), SSL_KEY_UPDATE_REQUESTED), 1);
      ASSERT_EQ(::SSL_write(peer.ssl.get(), "ping", 4), 4);
      std::array<char, 4> answer{};
      while (::SSL_read(peer.ssl.get(), answer.data(), 4) != 4) {
        pollfd ready{peer.socket.get(), POLLIN, 0};
        ASSERT_EQ(::poll(&ready, 1, 30000), 1);
      }
    }
  });
  for (short awaited = POLLIN; awaited != 0;) {
    wait_for(*ours, awaited);
    awaited = ours->shake_hands();
  }
  for (int round = 0; round < 50; ++round) {
    EXPECT_EQ(read_some(*ours, 4), bytes_of("ping"));
    write_all(*ours, bytes_of("pong"));
  }
  theirs.join();
}

}  // namespace
}  // namespace yoke::system
