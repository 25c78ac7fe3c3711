#include "cluster/rendezvous.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <utility>

#include "base/error.h"

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
  explicit Candidate(FileDescriptor socket)
      : channel(std::make_unique<Channel>(std::move(socket), max_hello_bytes)) {}
  std::unique_ptr<Channel> channel;
  Clock::time_point since = Clock::now();
  bool greeted = false;  // our Hello has been sent (the follower's side)
};

Cookie random_cookie() {
  Cookie cookie;
  std::size_t have = 0;
  while (have < cookie.size()) {
    const ssize_t n = ::getrandom(cookie.data() + have, cookie.size() - have, 0);
    require(n > 0 || errno == EINTR, "the system gives no random numbers for the cookie between ranks");
    if (n > 0) have += static_cast<std::size_t>(n);
  }
  return cookie;
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
/// and those it has taken the channel of.
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
    candidate = keep && candidate->channel ? std::next(candidate) : candidates.erase(candidate);
  }
}

std::string missing_ranks(std::span<const std::unique_ptr<Channel>> channels,
                          std::span<const runtime::Place> places) {
  std::string missing;
  for (std::size_t r = 1; r < channels.size(); ++r)
    if (!channels[r]) missing += (missing.empty() ? "" : ", ") + describe(places[r]);
  return missing;
}

}  // namespace

Door open_door(std::span<const runtime::Place> places) {
  const bool one_network = std::all_of(places.begin(), places.end(), [&](const runtime::Place& place) {
    return place.network == places.front().network;
  });
  Door door{system::listen_tcp(one_network), {}};
  door.invitation.port = door.listener.port;
  door.invitation.addresses = one_network ? std::vector<std::string>{"127.0.0.1"} : system::local_addresses();
  door.invitation.to_leader = random_cookie();
  door.invitation.from_leader = random_cookie();
  return door;
}

std::vector<std::unique_ptr<Channel>> gather_followers(const Door& door,
                                                       std::span<const runtime::Place> places,
                                                       milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  std::vector<std::unique_ptr<Channel>> channels(places.size());
  std::size_t missing = places.size() - 1;
  std::list<Candidate> strangers;

  const auto admit = [&](Candidate& stranger) {
    const std::optional<Hello> hello = receive_hello(*stranger.channel);
    if (!hello) return;
    require(hello->cookie == door.invitation.to_leader && hello->build == system::this_build(), "a stranger");
    require(hello->rank >= 1 && hello->rank < std::ssize(channels), "an impossible rank");
    auto& channel = channels[static_cast<std::size_t>(hello->rank)];
    require(!channel, "a rank that is here already");
    stranger.channel->send(encode<Greeting>(Hello{system::this_build(), 0, door.invitation.from_leader}),
                           send_patience);
    channel = std::move(stranger.channel);
    channel->set_limit(max_frame_bytes);
    --missing;
  };

  while (missing > 0) {
    require(Clock::now() < deadline, "after {} ms rank 0 had no connection from {}", patience.count(),
            missing_ranks(channels, places));
    std::vector<pollfd> polled;
    for (const Candidate& stranger : strangers) polled.push_back({stranger.channel->fd(), POLLIN, 0});
    polled.push_back({door.listener.socket.get(), POLLIN, 0});
    ::poll(polled.data(), polled.size(), milliseconds_until(deadline));
    attend_to(strangers, std::span(polled).first(polled.size() - 1), admit);
    if (polled.back().revents != 0) {
      if (FileDescriptor socket = system::accept_connection(door.listener.socket))
        strangers.emplace_back(std::move(socket));
      if (strangers.size() > max_strangers) strangers.pop_front();
    }
  }
  return channels;
}

std::unique_ptr<Channel> join_leader(const Invitation& invitation, int rank, milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  std::unique_ptr<Channel> leader;
  std::list<Candidate> attempts;

  const auto greet = [&](Candidate& attempt) {
    if (!attempt.greeted) {
      attempt.channel->send(encode<Greeting>(Hello{system::this_build(), rank, invitation.to_leader}),
                            milliseconds{0});
      attempt.greeted = true;
    } else if (const std::optional<Hello> hello = receive_hello(*attempt.channel)) {
      require(hello->cookie == invitation.from_leader && hello->build == system::this_build(),
              "not the leader");
      leader = std::move(attempt.channel);
      leader->set_limit(max_frame_bytes);
    }
  };

  while (!leader) {
    require(Clock::now() < deadline, "no connection to rank 0 within {} ms on port {} of {}",
            patience.count(), invitation.port, fmt::join(invitation.addresses, ", "));
    if (attempts.empty())
      for (const std::string& address : invitation.addresses)
        if (FileDescriptor socket = system::begin_connect_tcp(address, invitation.port))
          attempts.emplace_back(std::move(socket));
    std::vector<pollfd> polled;
    for (const Candidate& attempt : attempts)
      polled.push_back({attempt.channel->fd(), static_cast<short>(attempt.greeted ? POLLIN : POLLOUT), 0});
    ::poll(polled.data(), polled.size(), milliseconds_until(deadline));
    attend_to(attempts, polled, greet);
    if (attempts.empty() && !leader) ::poll(nullptr, 0, static_cast<int>(retry_pause.count()));
  }
  return leader;
}

}  // namespace yoke::cluster
