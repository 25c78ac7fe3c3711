// How the two ends of a transfer prove to each other that they know the run's key, without showing it: each
// answers the other's 32 random bytes with their HMAC-SHA-256 (RFC 2104) under the key.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace yoke::hosts {

using Nonce = std::array<std::byte, 32>;
using Proof = std::array<std::byte, 32>;

/// Random bytes of the system's.
Nonce make_nonce();

/// What `role`, "server" or "client", answers: both nonces and the role are in it, so that no end can be
/// shown its own words, nor those of another connection.
Proof prove(std::string_view key, std::string_view role, const Nonce& server, const Nonce& client);

/// Compares in a time that tells nothing.
bool same(std::span<const std::byte, 32> a, std::span<const std::byte, 32> b);

}  // namespace yoke::hosts
