#include "cluster/rendezvous.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "comm/threads.h"
#include "common/error_of.h"
#include "common/scratch.h"
#include "hosts/ports.h"
#include "system/network.h"
#include "system/socket.h"
#include "system/tls.h"

namespace yoke::cluster {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;

constexpr milliseconds patience{20000};

std::vector<runtime::Place> local_places(int ranks) {
  std::vector<runtime::Place> places;
  for (int r = 0; r < ranks; ++r) places.push_back({r, "host", "machine", "network", 100 + r, 1, {}, 1});
  return places;
}

/// Of ranks that do not share the loopback interface.
std::vector<runtime::Place> distant_places() {
  auto places = local_places(2);
  places[1].network = "elsewhere";
  return places;
}

/// A folder with a key file, and what each rank is told of it.
struct Keyed {
  Keyed() { system::write_key_file(options.key_file, system::Secret::random()); }
  ScratchFolder folder;
  LinkOptions options{{}, folder / "key"};
};

auto gather_in_background(const Door& door, const std::vector<runtime::Place>& places) {
  return std::async(std::launch::async, [&] { return gather_followers(door, places, patience); });
}

system::Secret key_of(const Invitation& invitation) {
  return system::Secret(std::span<const std::uint8_t, system::Secret::size>(invitation.key));
}

/// Waits until the peer closes; false if it says a message before.
bool is_closed(Channel& channel) {
  for (;;) {
    pollfd readable{channel.fd(), POLLIN, 0};
    if (::poll(&readable, 1, 30000) != 1) return false;
    const bool open = channel.receive();
    if (channel.next()) return false;
    if (!open) return true;
  }
}

FileDescriptor call(const Invitation& invitation) {
  return system::begin_connect_tcp(invitation.addresses.at(0), invitation.port);
}

/// Whether a peer that has the key is dropped when it says this.
bool is_dropped(const Invitation& invitation, std::span<const std::byte> greeting) {
  auto stream = system::Tls(key_of(invitation)).connect(call(invitation));
  for (short awaited = POLLOUT; awaited != 0;) {
    pollfd ready{stream->fd(), awaited, 0};
    if (::poll(&ready, 1, 30000) != 1) return false;
    awaited = stream->shake_hands();
  }
  Channel channel(std::move(stream));
  channel.send(greeting);
  return is_closed(channel);
}

TEST(Rendezvous, OpensOnLoopbackOnlyWhereAllRanksShareItWithANewKeyEachTime) {
  const auto places = local_places(2);
  const Door door = open_door(places, {"10.255.0.0/24", "/nowhere"});
  EXPECT_EQ(door.invitation.addresses, std::vector<std::string>{"127.0.0.1"});
  EXPECT_EQ(key_of(door.invitation), door.key);
  const Door another = open_door(places, {});
  EXPECT_FALSE(another.key == door.key);
  EXPECT_NE(another.invitation.job, door.invitation.job);
}

TEST(Rendezvous, BeyondLoopbackAKeyFileIsNeeded) {
  EXPECT_THAT(error_of([] { open_door(distant_places(), {}); }),
              AllOf(HasSubstr("the ranks run on several machines"), HasSubstr("yoke key FILE"),
                    HasSubstr("--key-file FILE")));
  const Invitation invitation{4711, {"10.0.0.1"}, 1, {}};
  EXPECT_THAT(error_of([&] { join_leader(invitation, 1, {}, patience); }), HasSubstr("yoke key FILE"));
  EXPECT_THAT(error_of([&] {
                join_leader(invitation, 1, {{}, "/nowhere"}, patience);
              }),
              HasSubstr("the key file /nowhere cannot be opened"));
}

TEST(Rendezvous, BeyondLoopbackItOpensInTheNetworkOnlyAtPortsOfItsRange) {
  const auto local = system::local_addresses();
  if (local.empty()) GTEST_SKIP() << "this machine has no address beyond loopback";
  const Keyed keyed;
  for (const std::string& network : {local[0].address, local[0].address + "/31"}) {
    const Door door = open_door(distant_places(), {network, keyed.options.key_file});
    EXPECT_EQ(door.invitation.addresses.at(0), local[0].address);
    EXPECT_TRUE(door.invitation.key.empty());
    EXPECT_EQ(door.key, system::read_key_file(keyed.options.key_file));
    EXPECT_GE(door.invitation.port, hosts::link_ports.first);
    EXPECT_LE(door.invitation.port, hosts::link_ports.last);
    // The port of every other address stays free.
    EXPECT_TRUE(system::listen_tcp("127.0.0.1", door.invitation.port).socket);
  }
  EXPECT_THAT(error_of([&] {
                open_door(distant_places(), {"203.0.113.0/24", keyed.options.key_file});
              }),
              AllOf(HasSubstr("host host of rank 0 has no address in the network 203.0.113.0/24, only "),
                    HasSubstr(local[0].address), HasSubstr("--network")));
}

TEST(Rendezvous, TakesTheNextPortWhereOneIsTakenAndSaysWhenNoneIsLeft) {
  if (system::local_addresses().empty()) GTEST_SKIP() << "this machine has no address beyond loopback";
  const Keyed keyed;
  std::vector<Door> doors;
  const std::string sentence = error_of([&] {
    for (int i = 0; i <= hosts::link_ports.last - hosts::link_ports.first + 1; ++i)
      doors.push_back(open_door(distant_places(), keyed.options));
  });
  EXPECT_THAT(sentence, AllOf(HasSubstr("on any of the ports 45200 to 45215 of "),
                              HasSubstr("Address already in use")));
  ASSERT_GE(doors.size(), 2U);
  EXPECT_GT(doors[1].invitation.port, doors[0].invitation.port);
}

TEST(Rendezvous, StrangersAreDroppedAndHoldNobodyUp) {
  const auto places = local_places(3);
  const Door door = open_door(places, {});
  const Invitation& invitation = door.invitation;
  // Some say nothing, some half a greeting, and some vanish at once.
  std::vector<FileDescriptor> silent;
  for (int i = 0; i < 100; ++i) {
    silent.push_back(call(invitation));
    if (i % 3 == 0) continue;
    pollfd connected{silent.back().get(), POLLOUT, 0};
    ASSERT_EQ(::poll(&connected, 1, 30000), 1);
    ASSERT_EQ(::send(silent.back().get(), "\x16\x03\x01\x02\x00\x01", 6, 0), 6);
    if (i % 3 == 1) silent.pop_back();
  }
  auto gathered = gather_in_background(door, places);

  {
    auto plain = system::plain_stream(call(invitation));  // without TLS
    plain->write(encode<Greeting>(Hello{system::this_build(), 1, invitation.job}));
    std::vector<std::byte> alert(system::Stream::read_room);
    while (plain->read(alert).open) ::poll(nullptr, 0, 1);
  }
  Invitation wrong = invitation;
  wrong.key.assign(system::Secret::size, 7);
  EXPECT_THAT(error_of([&] { join_leader(wrong, 1, {}, patience); }), HasSubstr("has another key"));
  EXPECT_TRUE(is_dropped(
      invitation, encode<Greeting>(Hello{system::this_build(), 1, invitation.job + 1})));  // of another job
  EXPECT_TRUE(
      is_dropped(invitation, encode<Greeting>(Hello{system::this_build(), 0, invitation.job})));  // as rank 0
  EXPECT_TRUE(is_dropped(
      invitation, encode<Greeting>(Hello{system::this_build(), 3, invitation.job})));  // as a rank too many
  EXPECT_TRUE(
      is_dropped(invitation, encode<Greeting>(Hello{{1, "other"}, 1, invitation.job})));  // of another build
  EXPECT_TRUE(is_dropped(invitation,
                         encode<FromFollower>(Failure{"not a greeting, and longer than a greeting may be: " +
                                                      std::string(99, 'x')})));

  const auto second = join_leader(invitation, 2, {}, patience);
  EXPECT_TRUE(is_dropped(
      invitation, encode<Greeting>(Hello{system::this_build(), 2, invitation.job})));  // is here already
  const auto first = join_leader(invitation, 1, {}, patience);
  const auto channels = gathered.get();
  EXPECT_FALSE(channels[0]);
  EXPECT_TRUE(channels[1]);
  EXPECT_TRUE(channels[2]);
}

TEST(Rendezvous, SaysWhoIsMissing) {
  const auto places = local_places(3);
  const Door door = open_door(places, {});
  auto joined = std::async(std::launch::async, [&] { return join_leader(door.invitation, 1, {}, patience); });
  EXPECT_THAT(error_of([&] { gather_followers(door, places, milliseconds(400)); }),
              HasSubstr("no connection from rank 2 (host host, pid 102)"));
}

TEST(Rendezvous, AFollowerTriesEveryAddressAndGivesUpInTheEnd) {
  const auto places = local_places(2);
  const Door door = open_door(places, {});
  Invitation invitation = door.invitation;
  // An address without a listener, one that is none, and rank 0's.
  invitation.addresses = {"127.0.0.77", "nonsense", "127.0.0.1"};
  auto gathered = gather_in_background(door, places);
  EXPECT_TRUE(join_leader(invitation, 1, {}, patience));
  gathered.get();
  invitation.addresses.pop_back();
  EXPECT_THAT(error_of([&] { join_leader(invitation, 1, {}, milliseconds(100)); }),
              "rank 1 had no connection to rank 0 after 100 ms");
}

TEST(Rendezvous, BothSidesNameTheFirewallThatMayStandBetweenMachines) {
  if (system::local_addresses().empty()) GTEST_SKIP() << "this machine has no address beyond loopback";
  const Keyed keyed;
  const auto places = distant_places();
  Door door = open_door(places, keyed.options);
  door.listeners.clear();
  const std::string hint =
      fmt::format("is there a firewall that drops TCP port {} of ", door.invitation.port);
  EXPECT_THAT(error_of([&] { gather_followers(door, places, milliseconds(100)); }), HasSubstr(hint));
  EXPECT_THAT(error_of([&] { join_leader(door.invitation, 1, keyed.options, milliseconds(100)); }),
              AllOf(HasSubstr("rank 1 had no connection to rank 0 after 100 ms"), HasSubstr(hint)));
}

TEST(Rendezvous, AFollowerWithAnotherKeyFileIsToldSoAtOnce) {
  if (system::local_addresses().empty()) GTEST_SKIP() << "this machine has no address beyond loopback";
  const Keyed keyed;
  const Keyed other;
  const auto places = distant_places();
  const Door door = open_door(places, keyed.options);
  auto gathered = gather_in_background(door, places);
  // The word of one address must not keep a follower from the others.
  EXPECT_THAT(error_of([&] { join_leader(door.invitation, 1, other.options, patience); }),
              AllOf(HasSubstr("the leader at "),
                    HasSubstr(" has another key than " + other.options.key_file.native()),
                    HasSubstr("copy FILE to every machine")));
  EXPECT_TRUE(join_leader(door.invitation, 1, keyed.options, patience));
  EXPECT_TRUE(gathered.get()[1]);
}

TEST(Rendezvous, AnotherJobAtOneOfTheAddressesKeepsNoFollowerFromItsOwn) {
  const auto places = local_places(2);
  const Door door = open_door(places, {});
  // Another user's job, with another key, has the same port of another address.
  Door foreign = open_door(places, {});
  foreign.listeners.clear();
  foreign.listeners.push_back(system::listen_tcp("127.0.0.78", door.invitation.port).socket);
  ASSERT_TRUE(foreign.listeners[0]);
  Invitation invitation = door.invitation;
  invitation.addresses = {"127.0.0.78", "127.0.0.1"};
  auto unused = std::async(std::launch::async, [&] {
    return error_of([&] { gather_followers(foreign, places, milliseconds(1000)); });
  });
  auto gathered = gather_in_background(door, places);
  EXPECT_TRUE(join_leader(invitation, 1, {}, patience));
  EXPECT_TRUE(gathered.get()[1]);
  EXPECT_THAT(unused.get(), HasSubstr("no connection from rank 1"));
}

TEST(Rendezvous, AFollowerDoesNotTrustAListenerWithoutTheKey) {
  const system::TcpListener impostor = system::listen_tcp("127.0.0.1");
  auto served = std::async(std::launch::async, [&] {
    pollfd readable{impostor.socket.get(), POLLIN, 0};
    ::poll(&readable, 1, 30000);
    Channel(system::accept_connection(impostor.socket)).send(encode<Greeting>(Hello{}));
  });
  const Invitation invitation{impostor.port, {"127.0.0.1"}, 0, std::vector<std::uint8_t>(32, 1)};
  EXPECT_THAT(error_of([&] { join_leader(invitation, 1, {}, milliseconds(300)); }),
              HasSubstr("had no connection to rank 0"));
  served.get();
}

}  // namespace
}  // namespace yoke::cluster
