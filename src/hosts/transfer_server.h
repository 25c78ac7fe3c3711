// One host's end of the transfers: it answers whoever proves the run's key, and measures where it is told to.
//
// Its standard input begins with the key's line. On its standard output, lines: the build's first line,
// "listening P P P" (a port of each range of ports.h), and for each "measure ADDRESS P P P" that comes on its
// standard input a Measurement as JSON. It ends with its input, or after two minutes without a command. What
// it says after "trouble " is why it cannot serve.
//
// On a connection the server sends a nonce, the client its own nonce and its proof, the server its proof
// (transfer_proof.h). Then the client sends frames: four bytes of length, the lowest first, and that many
// bytes of nothing. The server answers each frame with one byte.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::hosts {

/// What one host found on its way to another.
struct Measurement {
  std::vector<std::string> ports;  // for each: empty where it was reached and the key proved, else half a
                                   // sentence
  double round_trip = 0;           // seconds, the shortest of many; 0: not measured, as below
  double bytes_per_second = 0;
  int mtu = 0;                  // of the path, as the kernel knows it
  bool full_size_lost = false;  // packets of that size do not arrive, though small ones do
};

std::string write_measurement(const Measurement& measurement);
/// Throws Error for anything else.
Measurement parse_measurement(std::string_view line, std::size_t ports);

/// Measures to a server at these ports. Takes up to some seconds; never throws for what the network does.
Measurement measure(const std::string& address, std::span<const std::uint16_t> ports, std::string_view key);

/// Serves on standard input and output, of which the key has been read already. Never throws for what the
/// network does.
void serve_transfers(const std::string& address, const std::string& key);

}  // namespace yoke::hosts
