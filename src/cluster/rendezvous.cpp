#include "cluster/rendezvous.h"

#include <fmt/format.h>
#include <poll.h>
#include <algorithm>
#include <array>
#include <cstring>
#include <list>
#include <utility>

#include "base/error.h"
#include "hosts/ports.h"
#include "system/network.h"
#include "system/socket.h"
#include "system/tls.h"

namespace yoke::cluster {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// An unknown peer has this long to prove itself; of more at once than this, the oldest go.
constexpr milliseconds stranger_patience{2000};
constexpr std::size_t max_strangers = 64;
constexpr milliseconds retry_pause{50};
constexpr milliseconds send_patience{1000};

/// A connection that has not proved yet who it is.
struct Candidate {
  /// True once both sides have shown that they have the key: there is a channel then. Throws Error.
  bool shake_hands() {
    if (stream) {
      awaits = stream->shake_hands();
      if (awaits != 0) return false;
      channel = std::make_unique<Channel>(std::move(stream), max_hello_bytes);
      awaits = POLLIN;
    }
    return true;
  }

  pollfd awaited() const { return {channel ? channel->fd() : stream->fd(), awaits, 0}; }

  std::unique_ptr<system::TlsStream> stream;   // while they shake hands
  short awaits;                                // POLLIN or POLLOUT
  std::string address;                         // the leader's (the follower's side)
  std::unique_ptr<Channel> channel = nullptr;  // once they have shaken hands
  Clock::time_point since = Clock::now();
  bool greeted = false;  // our Hello has been sent (the follower's side)
  bool taken = false;    // the channel has gone where it belongs
};

std::uint64_t new_job() {
  std::uint64_t job = 0;
  std::memcpy(&job, system::Secret::random().bytes().data(), sizeof job);
  return job;
}

int milliseconds_until(Clock::time_point when) {
  const auto left = std::chrono::ceil<milliseconds>(when - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
}

/// The Hello that has arrived on `channel`, if it is whole. Throws Error if the peer has closed or sent
/// anything else.
std::optional<Hello> receive_hello(Channel& channel) {
  const bool open = channel.receive();
  const auto frame = channel.next();
  if (!frame) {
    require(open, "the peer has closed the connection");
    return std::nullopt;
  }
  return std::get<Hello>(decode<Greeting>(*frame));
}

/// Calls act(candidate) for each candidate whose socket is in `ready`; drops those for which it throws Error,
/// those it has taken the channel of, and those that have had their time.
template <class Act>
void attend_to(std::list<Candidate>& candidates, std::span<const pollfd> ready, Act act) {
  auto event = ready.begin();
  for (auto candidate = candidates.begin(); candidate != candidates.end() && event != ready.end(); ++event) {
    bool keep = Clock::now() - candidate->since < stranger_patience;
    if (event->revents != 0) {
      try {
        act(*candidate);
      } catch (const Error&) {
        keep = false;
      }
    }
    candidate = keep && !candidate->taken ? std::next(candidate) : candidates.erase(candidate);
  }
}

std::string missing_ranks(std::span<const std::unique_ptr<Channel>> channels,
                          std::span<const runtime::Place> places) {
  std::string missing;
  for (std::size_t r = 1; r < channels.size(); ++r)
    if (!channels[r]) missing += (missing.empty() ? "" : ", ") + describe(places[r]);
  return missing;
}

/// Between machines something may stand.
std::string hint_on_firewall(const Invitation& invitation) {
  if (!invitation.key.empty()) return {};
  return fmt::format(": is there a firewall that drops TCP port {} of {}?", invitation.port,
                     fmt::join(invitation.addresses, ", "));
}

constexpr const char* how_to_get_a_key =
    "make a key with 'yoke key FILE', copy FILE to every machine, and give every rank --key-file FILE";

system::Secret read_key(const LinkOptions& options) {
  require(!options.key_file.empty(),
          "the ranks run on several machines, and what they say to each other needs a key: {}",
          how_to_get_a_key);
  return system::read_key_file(options.key_file);
}

std::string sentence_on_other_key(const Invitation& invitation, const std::string& address,
                                  const LinkOptions& options) {
  if (!invitation.key.empty()) return fmt::format("the leader at {} has another key than it told", address);
  return fmt::format("the leader at {} has another key than {}: {}", address, options.key_file.native(),
                     how_to_get_a_key);
}

/// Where the rank that runs at `place` may listen.
std::vector<std::string> own_addresses(const runtime::Place& place, const std::string& network) {
  const std::vector<system::InterfaceAddress> all = system::local_addresses();
  std::vector<std::string> texts;
  for (const system::InterfaceAddress& local : all) texts.push_back(local.address);
  require(!texts.empty(), "host {} of rank {} has no address on which other machines reach it", place.host,
          place.rank);
  if (network.empty()) return texts;
  std::vector<std::string> chosen = system::addresses_in(all, network);
  require(!chosen.empty(),
          "host {} of rank {} has no address in the network {}, only {}: give --network the one that all "
          "machines share",
          place.host, place.rank, network, fmt::join(texts, ", "));
  return chosen;
}

/// Listens at `port` of all addresses of the invitation (0: the first one chooses); false if one refuses.
bool listen_at(Door& door, std::uint16_t port) {
  door.listeners.clear();
  for (const std::string& address : door.invitation.addresses) {
    system::TcpListener listener = system::listen_tcp(address, port);
    if (!listener.socket) return false;
    port = listener.port;
    door.listeners.push_back(std::move(listener.socket));
  }
  door.invitation.port = port;
  return true;
}

void listen(Door& door, int rank, const hosts::PortRange& ports) {
  for (std::uint16_t port = ports.first; port <= ports.last; ++port)
    if (listen_at(door, port)) return;
  fail("rank {} cannot listen for the other ranks on any of the ports {} to {} of {}: {}", rank, ports.first,
       ports.last, fmt::join(door.invitation.addresses, ", "), last_system_error());
}

}  // namespace

Door open_door(std::span<const runtime::Place> places, const LinkOptions& options, int rank) {
  const bool one_network = std::all_of(places.begin(), places.end(), [&](const runtime::Place& place) {
    return place.network == places.front().network;
  });
  const system::Secret key = one_network ? system::Secret::random() : read_key(options);
  Door door{{}, {0, {"127.0.0.1"}, new_job(), {}}, key};
  if (one_network) {
    door.invitation.key.assign(key.bytes().begin(), key.bytes().end());
    listen(door, rank, {"any", 0, 0});
  } else {
    door.invitation.addresses = own_addresses(places[static_cast<std::size_t>(rank)], options.network);
    listen(door, rank, hosts::link_ports);
  }
  return door;
}

system::Secret link_key(const Invitation& invitation, const LinkOptions& options) {
  if (invitation.key.empty()) return read_key(options);
  require(invitation.key.size() == system::Secret::size, "a rank's key has {} bytes where {} are expected",
          invitation.key.size(), system::Secret::size);
  return system::Secret(std::span<const std::uint8_t, system::Secret::size>(invitation.key));
}

std::vector<std::unique_ptr<Channel>> gather_followers(const Door& door,
                                                       std::span<const runtime::Place> places,
                                                       milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  std::vector<std::unique_ptr<Channel>> channels(places.size());
  std::size_t missing = places.size() - 1;
  std::list<Candidate> strangers;
  const system::Tls tls(door.key);

  const auto admit = [&](Candidate& stranger) {
    if (!stranger.shake_hands()) return;
    const std::optional<Hello> hello = receive_hello(*stranger.channel);
    if (!hello) return;
    require(hello->job == door.invitation.job && hello->build == system::this_build(), "a stranger");
    require(hello->rank >= 1 && hello->rank < std::ssize(channels), "an impossible rank");
    auto& channel = channels[static_cast<std::size_t>(hello->rank)];
    require(!channel, "a rank that is here already");
    stranger.channel->send(encode<Greeting>(Hello{system::this_build(), 0, door.invitation.job}),
                           send_patience);
    channel = std::move(stranger.channel);
    stranger.taken = true;
    channel->set_limit(max_frame_bytes);
    --missing;
  };

  while (missing > 0) {
    require(Clock::now() < deadline, "after {} ms rank 0 had no connection from {}{}", patience.count(),
            missing_ranks(channels, places), hint_on_firewall(door.invitation));
    std::vector<pollfd> polled;
    for (const Candidate& stranger : strangers) polled.push_back(stranger.awaited());
    for (const FileDescriptor& listener : door.listeners) polled.push_back({listener.get(), POLLIN, 0});
    ::poll(polled.data(), polled.size(), milliseconds_until(deadline));
    attend_to(strangers, std::span(polled).first(polled.size() - door.listeners.size()), admit);
    for (const FileDescriptor& listener : door.listeners) {
      if (FileDescriptor socket = system::accept_connection(listener))
        strangers.push_back({tls.accept(std::move(socket)), POLLIN, {}});
      if (strangers.size() > max_strangers) strangers.pop_front();
    }
  }
  return channels;
}

std::unique_ptr<Channel> join_leader(const Invitation& invitation, int rank, const LinkOptions& options,
                                     milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  const system::Tls tls(link_key(invitation, options));
  std::unique_ptr<Channel> leader;
  std::list<Candidate> attempts;
  std::string other_key;     // the address of a leader that has another key than this rank
  std::size_t refusals = 0;  // of these, in this round of attempts

  const auto greet = [&](Candidate& attempt) {
    try {
      if (!attempt.shake_hands()) return;
    } catch (const system::OtherKey&) {
      other_key = attempt.address;
      ++refusals;
      throw;
    }
    if (!attempt.greeted) {
      attempt.channel->send(encode<Greeting>(Hello{system::this_build(), rank, invitation.job}),
                            milliseconds{0});
      attempt.greeted = true;
    } else if (const std::optional<Hello> hello = receive_hello(*attempt.channel)) {
      require(hello->job == invitation.job && hello->build == system::this_build(), "not the leader");
      leader = std::move(attempt.channel);
      leader->set_limit(max_frame_bytes);
      attempt.taken = true;
    }
  };

  while (!leader) {
    const bool over = Clock::now() >= deadline;
    require(other_key.empty() || !(over || refusals == invitation.addresses.size()), "{}",
            sentence_on_other_key(invitation, other_key, options));
    require(!over, "rank {} had no connection to rank 0 after {} ms{}", rank, patience.count(),
            hint_on_firewall(invitation));
    if (attempts.empty()) {
      refusals = 0;
      for (const std::string& address : invitation.addresses)
        if (FileDescriptor socket = system::begin_connect_tcp(address, invitation.port))
          attempts.push_back({tls.connect(std::move(socket)), POLLOUT, address});
    }
    std::vector<pollfd> polled;
    for (const Candidate& attempt : attempts) polled.push_back(attempt.awaited());
    ::poll(polled.data(), polled.size(), milliseconds_until(deadline));
    attend_to(attempts, polled, greet);
    if (attempts.empty() && !leader) ::poll(nullptr, 0, static_cast<int>(retry_pause.count()));
  }
  return leader;
}

}  // namespace yoke::cluster
