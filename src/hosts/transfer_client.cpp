// The measuring end of a transfer.
#include <fmt/core.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/printable.h"
#include "base/seconds.h"
#include "hosts/transfer_proof.h"
#include "hosts/transfer_server.h"
#include "hosts/transfer_socket.h"

namespace yoke::hosts {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds connect_patience{1000};
constexpr milliseconds proof_patience{1000};
constexpr milliseconds ping_time{60};
constexpr milliseconds ping_patience{1000};
constexpr milliseconds full_size_patience{1500};
constexpr milliseconds warm_up{50};
constexpr milliseconds stream_time{250};
constexpr milliseconds longest_stream{3000};
constexpr std::size_t least_answers = 2;
constexpr std::size_t frame_bytes = std::size_t{1} << 16;

struct Connection {
  FileDescriptor socket;
  std::string trouble;
};

std::vector<Connection> connect_all(const std::string& address, std::span<const std::uint16_t> ports) {
  std::vector<Connection> connections;
  for (const std::uint16_t port : ports) {
    Connection connection{begin_connect(address, port), ""};
    if (!connection.socket) connection.trouble = last_system_error();
    connections.push_back(std::move(connection));
  }
  const Moment limit = Clock::now() + connect_patience;
  for (Connection& each : connections) {
    if (!each.socket) continue;
    wait_writable(each.socket, limit);
    each.trouble = connection_state(each.socket).value_or("no answer within a second");
    if (!each.trouble.empty()) each.socket.close();
  }
  return connections;
}

/// Half a sentence on why the other end cannot be believed; empty where it can.
std::string exchange_proofs(const FileDescriptor& socket, std::string_view key) {
  const Moment limit = Clock::now() + proof_patience;
  Nonce server{};
  Proof proof{};
  if (!receive_all(socket, server, limit)) return "it takes connections but says nothing";
  const Nonce client = make_nonce();
  const Proof own = prove(key, "client", server, client);
  if (!send_all(socket, client, limit) || !send_all(socket, own, limit) || !receive_all(socket, proof, limit))
    return "what answers there does not accept the run's key";
  return same(proof, prove(key, "server", server, client)) ? ""
                                                           : "what answers there does not know the run's key";
}

std::vector<std::byte> frame_of(std::size_t payload) {
  std::vector<std::byte> frame(payload + 4);
  for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<std::byte>(payload >> 8 * i);
  return frame;
}

/// Sends one frame and waits for its answer; whether it came.
bool ask(const FileDescriptor& socket, std::span<const std::byte> frame, milliseconds patience) {
  std::array<std::byte, 1> answer{};
  const Moment limit = Clock::now() + patience;
  return send_all(socket, frame, limit) && receive_all(socket, answer, limit);
}

double shortest_round_trip(const FileDescriptor& socket) {
  const std::vector<std::byte> frame = frame_of(4);
  double shortest = 0;
  const Moment begin = Clock::now();
  while (Clock::now() < begin + ping_time) {
    const Moment sent = Clock::now();
    if (!ask(socket, frame, ping_patience)) return 0;
    const double seconds = seconds_between(sent, Clock::now());
    shortest = shortest == 0 ? seconds : std::min(shortest, seconds);
  }
  return shortest;
}

/// Whether a packet as large as the path is said to carry arrives: one segment that is neither split nor
/// joined.
bool carries_full_size(const FileDescriptor& socket) {
  const int bytes = segment_bytes(socket);
  if (bytes <= 8) return true;
  return ask(socket, frame_of(static_cast<std::size_t>(bytes) - 4), full_size_patience);
}

/// Frames one after the other, and what is answered of them once the connection has got up to speed. A slow
/// one is given longer.
double stream_rate(const FileDescriptor& socket) {
  const std::vector<std::byte> frame = frame_of(frame_bytes);
  const Moment begin = Clock::now(), warm = begin + warm_up;
  std::size_t sent = 0, answered = 0;
  std::optional<Moment> first;
  Moment last = begin;
  const auto enough = [&](Moment now) {
    return now > begin + longest_stream || (now > warm + stream_time && answered >= least_answers);
  };
  while (!enough(Clock::now())) {
    const ssize_t n = ::send(socket.get(), frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (n > 0) sent = (sent + static_cast<std::size_t>(n)) % frame.size();
    std::array<std::byte, 256> answers{};
    const ssize_t got = ::recv(socket.get(), answers.data(), answers.size(), 0);
    if (got == 0) return 0;
    if (got > 0 && Clock::now() >= warm) {
      last = Clock::now();
      if (first) answered += static_cast<std::size_t>(got);
      if (!first) first = last;
    }
    if (n <= 0 && got <= 0) wait_writable(socket, Clock::now() + milliseconds{5});
  }
  return answered == 0 ? 0 : static_cast<double>(answered * frame.size()) / seconds_between(*first, last);
}

}  // namespace

Measurement measure(const std::string& address, std::span<const std::uint16_t> ports, std::string_view key) {
  Measurement found;
  std::vector<Connection> connections = connect_all(address, ports);
  const Connection* usable = nullptr;
  for (Connection& each : connections) {
    if (each.trouble.empty()) each.trouble = exchange_proofs(each.socket, key);
    if (each.trouble.empty()) usable = &each;
    found.ports.push_back(each.trouble);
  }
  if (usable == nullptr) return found;
  found.round_trip = shortest_round_trip(usable->socket);
  found.mtu = path_mtu(usable->socket);
  found.full_size_lost = found.round_trip > 0 && !carries_full_size(usable->socket);
  if (found.round_trip > 0 && !found.full_size_lost) found.bytes_per_second = stream_rate(usable->socket);
  return found;
}

std::string write_measurement(const Measurement& measurement) {
  const nlohmann::json json{{"ports", measurement.ports},
                            {"round_trip", measurement.round_trip},
                            {"bytes_per_second", measurement.bytes_per_second},
                            {"mtu", measurement.mtu},
                            {"full_size_lost", measurement.full_size_lost}};
  return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

Measurement parse_measurement(std::string_view line, std::size_t ports) {
  try {
    const nlohmann::json json = nlohmann::json::parse(line);
    Measurement found;
    for (const auto& each : json.at("ports")) found.ports.push_back(printable(each.get<std::string>(), 200));
    found.round_trip = json.at("round_trip").get<double>();
    found.bytes_per_second = json.at("bytes_per_second").get<double>();
    found.mtu = json.at("mtu").get<int>();
    found.full_size_lost = json.at("full_size_lost").get<bool>();
    require(found.ports.size() == ports && std::isfinite(found.round_trip) && found.round_trip >= 0 &&
                std::isfinite(found.bytes_per_second) && found.bytes_per_second >= 0,
            "expected a measurement of {} ports, but found '{}'", ports, printable(line, 100));
    return found;
  } catch (const nlohmann::json::exception&) {
    fail("expected a measurement, but found '{}'", printable(line, 100));
  }
}

}  // namespace yoke::hosts
