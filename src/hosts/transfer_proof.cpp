#include "hosts/transfer_proof.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <vector>

#include "base/error.h"

namespace yoke::hosts {

Nonce make_nonce() {
  Nonce nonce{};
  require(::getrandom(nonce.data(), nonce.size(), 0) == static_cast<ssize_t>(nonce.size()),
          "the system gives no random bytes");
  return nonce;
}

Proof prove(std::string_view key, std::string_view role, const Nonce& server, const Nonce& client) {
  constexpr std::string_view purpose = "yoke transfer ";
  std::vector<std::byte> message;
  for (const std::string_view text : {purpose, role}) {
    const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
    message.insert(message.end(), bytes.begin(), bytes.end());
  }
  message.insert(message.end(), server.begin(), server.end());
  message.insert(message.end(), client.begin(), client.end());
  Proof proof{};
  unsigned length = 0;
  const unsigned char* const made =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(),
           reinterpret_cast<unsigned char*>(proof.data()), &length);
  require(made != nullptr && length == proof.size(), "OpenSSL makes no HMAC-SHA-256");
  return proof;
}

bool same(std::span<const std::byte, 32> a, std::span<const std::byte, 32> b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace yoke::hosts
