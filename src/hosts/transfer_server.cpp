#include "hosts/transfer_server.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <sstream>

#include "base/error.h"
#include "hosts/transfer_proof.h"
#include "hosts/transfer_socket.h"
#include "system/build_id.h"

namespace yoke::hosts {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds idle_limit{120};
constexpr std::chrono::seconds proof_limit{3};
constexpr std::size_t most_peers = 64;
constexpr std::size_t longest_command = 512;

/// A connection that somebody has made.
class Peer {
 public:
  explicit Peer(FileDescriptor socket)
      : socket_(std::move(socket)), nonce_(make_nonce()), limit_(Clock::now() + proof_limit) {
    send(nonce_);
  }

  int fd() const { return socket_.get(); }
  /// Takes what has come; false once it is to be closed.
  bool receive(std::string_view key) {
    std::array<std::byte, 1 << 16> chunk;
    const ssize_t n = ::recv(socket_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    std::span<const std::byte> bytes = std::span(chunk).first(static_cast<std::size_t>(n));
    while (!bytes.empty() && socket_) bytes = proven_ ? take_frame(bytes) : take_proof(bytes, key);
    return n > 0 && static_cast<bool>(socket_);
  }
  bool is_late() const { return !proven_ && Clock::now() > limit_; }

 private:
  /// What is sent is short, so a full buffer means that nobody reads.
  void send(std::span<const std::byte> bytes) {
    const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(bytes.size())) socket_.close();
  }

  std::span<const std::byte> take_proof(std::span<const std::byte> bytes, std::string_view key) {
    const std::size_t n = std::min(bytes.size(), greeting_.size() - held_);
    std::copy_n(bytes.begin(), n, greeting_.begin() + static_cast<std::ptrdiff_t>(held_));
    held_ += n;
    if (held_ < greeting_.size()) return {};
    Nonce client{};
    std::copy_n(greeting_.begin(), client.size(), client.begin());
    const std::span<const std::byte, 32> claimed(greeting_.data() + client.size(), 32);
    if (!same(claimed, prove(key, "client", nonce_, client))) {
      socket_.close();
      return {};
    }
    proven_ = true;
    held_ = 0;
    send(prove(key, "server", nonce_, client));
    return bytes.subspan(n);
  }

  std::span<const std::byte> take_frame(std::span<const std::byte> bytes) {
    for (; held_ < 4 && !bytes.empty(); bytes = bytes.subspan(1), ++held_)
      left_ |= std::to_integer<std::uint32_t>(bytes.front()) << 8 * held_;
    if (held_ < 4) return {};
    const std::size_t n = std::min<std::size_t>(bytes.size(), left_);
    left_ -= static_cast<std::uint32_t>(n);
    if (left_ == 0) {
      held_ = 0;
      send(std::array<std::byte, 1>{});
    }
    return bytes.subspan(n);
  }

  FileDescriptor socket_;
  Nonce nonce_;
  Moment limit_;
  bool proven_ = false;
  std::array<std::byte, 64> greeting_{};  // the client's nonce and proof
  std::size_t held_ = 0;                  // bytes of the greeting, later of a frame's length
  std::uint32_t left_ = 0;                // of the frame
};

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

/// "measure 10.0.0.2 45000 46000 45200"
void obey(const std::string& line, const std::string& key) {
  std::istringstream words(line);
  std::string verb, address;
  std::vector<std::uint16_t> ports;
  words >> verb >> address;
  for (std::uint16_t port = 0; words >> port;) ports.push_back(port);
  require(verb == "measure" && ports.size() == port_ranges.size(), "expected a command to measure");
  say(write_measurement(measure(address, ports, key)));
}

class Server {
 public:
  Server(const std::string& address, const std::string& key) : key_(key) {
    for (const PortRange& range : port_ranges) listeners_.push_back(listen_in(range, address));
  }

  std::string ports() const {
    std::string text;
    for (const TransferListener& each : listeners_) text += fmt::format(" {}", each.port);
    return text;
  }

  /// Serves until the input ends.
  void run() {
    Moment limit = Clock::now() + idle_limit;
    while (Clock::now() < limit) {
      wait();
      if (polled_[0].revents != 0) {
        if (!read_commands()) return;
        limit = Clock::now() + idle_limit;
      }
      serve_peers();
      accept_peers();
    }
  }

 private:
  void wait() {
    constexpr int glance_ms = 500;  // to see who is late
    polled_.assign(1, {STDIN_FILENO, POLLIN, 0});
    for (const TransferListener& each : listeners_) polled_.push_back({each.socket.get(), POLLIN, 0});
    for (const auto& peer : peers_) polled_.push_back({peer->fd(), POLLIN, 0});
    ::poll(polled_.data(), polled_.size(), glance_ms);
  }

  bool read_commands() {
    std::array<char, longest_command> chunk;
    const ssize_t n = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (n <= 0) return n < 0 && errno == EINTR;
    commands_.append(chunk.data(), static_cast<std::size_t>(n));
    for (std::size_t end = commands_.find('\n'); end != std::string::npos; end = commands_.find('\n')) {
      obey(commands_.substr(0, end), key_);
      commands_.erase(0, end + 1);
    }
    return commands_.size() <= longest_command;
  }

  void serve_peers() {
    std::erase_if(peers_, [&](const std::unique_ptr<Peer>& peer) {
      const auto mine = std::find_if(polled_.begin(), polled_.end(),
                                     [&](const pollfd& each) { return each.fd == peer->fd(); });
      const bool ready = mine != polled_.end() && mine->revents != 0;
      return peer->is_late() || (ready && !peer->receive(key_));
    });
  }

  void accept_peers() {
    for (const TransferListener& each : listeners_) {
      FileDescriptor socket(::accept4(each.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket && peers_.size() < most_peers) peers_.push_back(std::make_unique<Peer>(std::move(socket)));
    }
  }

  std::string key_;
  std::vector<TransferListener> listeners_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<pollfd> polled_;
  std::string commands_;
};

}  // namespace

void serve_transfers(const std::string& address, const std::string& key) {
  say(system::first_line(system::this_build()));
  try {
    Server server(address, key);
    say("listening" + server.ports());
    server.run();
  } catch (const Error& error) {
    say(fmt::format("trouble {}", error.what()));
  }
}

}  // namespace yoke::hosts
