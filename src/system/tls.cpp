#include "system/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string_view>

namespace yoke::system {

namespace {

constexpr std::string_view identity = "yoke";
// With SHA-256, which goes with the key's 256 bits. The first is what processors have instructions for.
constexpr const char* suites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
constexpr unsigned char first_suite[] = {0x13, 0x01};

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* owned) const {
    free(owned);
  }
};
using MethodOwner = std::unique_ptr<BIO_METHOD, Freed<BIO_meth_free>>;
using ContextOwner = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SessionOwner = std::unique_ptr<SSL_SESSION, Freed<SSL_SESSION_free>>;
using SslOwner = std::unique_ptr<SSL, Freed<SSL_free>>;

std::string openssl_reason() {
  const char* reason = ::ERR_reason_error_string(::ERR_peek_last_error());
  return reason == nullptr ? "no reason given" : reason;
}

int fd_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(::BIO_get_data(bio))); }

bool would_block(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR); }

// OpenSSL's own way to write to a socket raises SIGPIPE where the peer has gone.
int write_to_socket(BIO* bio, const char* data, int size) {
  const ssize_t n = ::send(fd_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  BIO_clear_retry_flags(bio);
  if (would_block(n)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int read_from_socket(BIO* bio, char* data, int size) {
  const ssize_t n = ::recv(fd_of(bio), data, static_cast<std::size_t>(size), MSG_DONTWAIT);
  BIO_clear_retry_flags(bio);
  if (would_block(n)) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

long control_socket(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

/// Of the key's session, for one handshake.
SessionOwner session_of(SSL* ssl, const Secret& key) {
  SessionOwner session(::SSL_SESSION_new());
  const SSL_CIPHER* cipher = ::SSL_CIPHER_find(ssl, first_suite);
  if (!session || cipher == nullptr ||
      ::SSL_SESSION_set1_master_key(session.get(), key.bytes().data(), key.bytes().size()) != 1 ||
      ::SSL_SESSION_set_cipher(session.get(), cipher) != 1 ||
      ::SSL_SESSION_set_protocol_version(session.get(), TLS1_3_VERSION) != 1)
    return nullptr;
  return session;
}

const Secret& key_of(SSL* ssl) {
  return *static_cast<const Secret*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(ssl)));
}

int offer_key(SSL* ssl, const EVP_MD* digest, const unsigned char** id, std::size_t* length,
              SSL_SESSION** session) {
  *session = nullptr;
  // Asked for another hash than the key's: there is none to offer.
  if (digest != nullptr && ::EVP_MD_get_type(digest) != NID_sha256) return 1;
  *id = reinterpret_cast<const unsigned char*>(identity.data());
  *length = identity.size();
  *session = session_of(ssl, key_of(ssl)).release();
  return *session == nullptr ? 0 : 1;
}

int find_key(SSL* ssl, const unsigned char* id, std::size_t length, SSL_SESSION** session) {
  *session = nullptr;
  if (std::string_view(reinterpret_cast<const char*>(id), length) != identity) return 1;
  *session = session_of(ssl, key_of(ssl)).release();
  return *session == nullptr ? 0 : 1;
}

/// A called side without the key may want to be known by a certificate instead.
int refuse_certificates(X509_STORE_CTX*, void*) { return 0; }

}  // namespace

class Tls::Context {
 public:
  Context(const Secret& key, std::uint64_t records_per_key)
      : key_(key),
        records_per_key_(records_per_key),
        method_(::BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR | BIO_get_new_index(), "yoke")),
        ssl_(::SSL_CTX_new(::TLS_method())) {
    require(method_ && ssl_ && configure_socket() && configure_keys() && configure_records(),
            "OpenSSL does not set up encrypted links: {}", openssl_reason());
  }

  SslOwner new_ssl(int fd) const {
    SslOwner ssl(::SSL_new(ssl_.get()));
    BIO* bio = ssl ? ::BIO_new(method_.get()) : nullptr;
    require(bio != nullptr, "OpenSSL makes no encrypted link: {}", openssl_reason());
    ::BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(ssl.get(), bio, bio);
    return ssl;
  }

  std::uint64_t records_per_key() const { return records_per_key_; }

 private:
  bool configure_socket() {
    return ::BIO_meth_set_write(method_.get(), write_to_socket) == 1 &&
           ::BIO_meth_set_read(method_.get(), read_from_socket) == 1 &&
           ::BIO_meth_set_ctrl(method_.get(), control_socket) == 1;
  }

  bool configure_keys() {
    SSL_CTX_set_app_data(ssl_.get(), &key_);
    ::SSL_CTX_set_psk_use_session_callback(ssl_.get(), offer_key);
    ::SSL_CTX_set_psk_find_session_callback(ssl_.get(), find_key);
    ::SSL_CTX_set_cert_verify_callback(ssl_.get(), refuse_certificates, nullptr);
    ::SSL_CTX_set_session_cache_mode(ssl_.get(), SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_options(ssl_.get(), SSL_OP_NO_TICKET);
    return ::SSL_CTX_set_num_tickets(ssl_.get(), 0) == 1 &&
           SSL_CTX_set_min_proto_version(ssl_.get(), TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl_.get(), TLS1_3_VERSION) == 1 &&
           ::SSL_CTX_set_ciphersuites(ssl_.get(), suites) == 1;
  }

  bool configure_records() {
    // What a write did not take is offered again from wherever it lies then.
    SSL_CTX_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_clear_mode(ssl_.get(), SSL_MODE_AUTO_RETRY);
    // What has not been asked for stays in the socket, where poll() sees it.
    SSL_CTX_set_read_ahead(ssl_.get(), 0);
    return true;
  }

  Secret key_;
  std::uint64_t records_per_key_;
  MethodOwner method_;
  ContextOwner ssl_;
};

namespace {

class SslStream final : public TlsStream {
 public:
  SslStream(std::shared_ptr<const Tls::Context> context, FileDescriptor socket)
      : context_(std::move(context)), socket_(std::move(socket)), ssl_(context_->new_ssl(socket_.get())) {}

  SSL* ssl() const { return ssl_.get(); }
  int fd() const override { return socket_.get(); }

  short shake_hands() override {
    const std::lock_guard lock(mutex_);
    ::ERR_clear_error();
    const int result = ::SSL_do_handshake(ssl_.get());
    if (result != 1) {
      const int error = ::SSL_get_error(ssl_.get(), result);
      if (error == SSL_ERROR_WANT_READ) return POLLIN;
      if (error == SSL_ERROR_WANT_WRITE) return POLLOUT;
      refuse(error);
    }
    // It has, or there were certificates; but all rests on this.
    require(::SSL_session_reused(ssl_.get()) == 1, "the peer has not shown that it has the key");
    return 0;
  }

  Transfer read(std::span<std::byte> into) noexcept override {
    assert(into.size() >= read_room);  // a whole record: nothing of it is kept where poll() cannot see it
    Transfer all;
    do {
      const Transfer record = read_record(into.subspan(all.bytes));
      if (record.bytes == 0) return all.bytes == 0 ? record : all;
      all.bytes += record.bytes;
    } while (into.size() - all.bytes >= read_room);
    return all;
  }

  Transfer write(std::span<const std::byte> bytes) noexcept override {
    if (bytes.empty()) return {};
    const std::lock_guard lock(mutex_);
    ::ERR_clear_error();
    if (records_ >= context_->records_per_key() && !cut_off_ &&
        ::SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
      records_ = 0;
    std::size_t n = 0;
    const int result = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &n);
    const Transfer done = outcome(result, n);
    cut_off_ = done.bytes == 0;
    if (!cut_off_) ++records_;
    return done;
  }

 private:
  [[noreturn]] void refuse(int error) const {
    const unsigned long found = ::ERR_peek_last_error();
    const int reason = ERR_GET_LIB(found) == ERR_LIB_SSL ? ERR_GET_REASON(found) : 0;
    // The caller's key is proved first (RFC 8446, section 4.2.11.2): the called side sees that it is wrong,
    // and says so by one of these alerts.
    if (reason == SSL_R_BINDER_DOES_NOT_VERIFY || reason == SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER ||
        reason == SSL_R_TLSV1_ALERT_DECRYPT_ERROR)
      throw OtherKey("the peer has another key");
    if (error == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
      fail("the peer has closed the connection");
    fail("the peer does not speak TLS as we do: {}", openssl_reason());
  }

  Transfer read_record(std::span<std::byte> into) noexcept {
    const std::lock_guard lock(mutex_);
    ::ERR_clear_error();
    std::size_t n = 0;
    const int result = ::SSL_read_ex(ssl_.get(), into.data(), into.size(), &n);
    return outcome(result, n);
  }

  Transfer outcome(int result, std::size_t n) const noexcept {
    if (result == 1) return {n};
    switch (::SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return {0, true, POLLIN};
      case SSL_ERROR_WANT_WRITE:
        return {0, true, POLLOUT};
      default:
        return {0, false};
    }
  }

  const std::shared_ptr<const Tls::Context> context_;
  FileDescriptor socket_;
  std::mutex mutex_;  // guards all below; never held in a wait
  SslOwner ssl_;
  std::uint64_t records_ = 0;  // written under this key
  bool cut_off_ = false;       // the last write: it has to be repeated before anything else is written
};

}  // namespace

Tls::Tls(const Secret& key, std::uint64_t records_per_key)
    : context_(std::make_shared<Context>(key, records_per_key)) {}

std::unique_ptr<TlsStream> Tls::accept(FileDescriptor socket) const {
  auto stream = std::make_unique<SslStream>(context_, std::move(socket));
  ::SSL_set_accept_state(stream->ssl());
  return stream;
}

std::unique_ptr<TlsStream> Tls::connect(FileDescriptor socket) const {
  auto stream = std::make_unique<SslStream>(context_, std::move(socket));
  ::SSL_set_connect_state(stream->ssl());
  ::SSL_set_verify(stream->ssl(), SSL_VERIFY_PEER, nullptr);
  return stream;
}

}  // namespace yoke::system
