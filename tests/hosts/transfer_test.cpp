#include "hosts/transfer.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>
#include <thread>

#include "common/error_of.h"
#include "common/scratch.h"
#include "hosts/transfer_proof.h"
#include "hosts/transfer_socket.h"
#include "system/build_id.h"
#include "system/child_process.h"

namespace yoke::hosts {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr std::chrono::seconds patience{20};
const system::Environment environment{{"PATH", "/usr/bin:/bin"}};

TEST(Rounds, HaveEveryOrderedPairOnceAndNoHostTwice) {
  for (std::size_t hosts = 1; hosts < 10; ++hosts) {
    std::set<std::pair<std::size_t, std::size_t>> seen;
    for (const auto& round : rounds_of(hosts)) {
      std::set<std::size_t> busy;
      for (const auto& [from, to] : round) {
        EXPECT_TRUE(seen.emplace(from, to).second);
        EXPECT_TRUE(busy.insert(from).second && busy.insert(to).second);
      }
    }
    EXPECT_EQ(seen.size(), hosts * (hosts - 1));
  }
}

TEST(Proof, DependsOnKeyRoleAndBothNonces) {
  const Nonce a = make_nonce(), b = make_nonce();
  const Proof proof = prove("key", "client", a, b);
  EXPECT_TRUE(same(proof, prove("key", "client", a, b)));
  EXPECT_FALSE(same(proof, prove("kez", "client", a, b)));
  EXPECT_FALSE(same(proof, prove("key", "server", a, b)));
  EXPECT_FALSE(same(proof, prove("key", "client", b, a)));
  EXPECT_FALSE(same(proof, prove("key", "client", a, a)));
}

TEST(Measurement, ComesBackAsItWas) {
  const Measurement measurement{{"", "Connection refused", "no answer"}, 0.00012, 1.25e9, 1500, false};
  const Measurement again = parse_measurement(write_measurement(measurement), 3);
  EXPECT_EQ(again.ports, measurement.ports);
  EXPECT_EQ(again.round_trip, measurement.round_trip);
  EXPECT_EQ(again.bytes_per_second, measurement.bytes_per_second);
  EXPECT_EQ(again.mtu, 1500);
  for (const char* bad : {"", "{}", "[]", "hello", "{\"ports\":[1]}"})
    EXPECT_THAT(error_of([&] { parse_measurement(bad, 3); }), HasSubstr("expected a measurement")) << bad;
  EXPECT_THAT(error_of([&] { parse_measurement(write_measurement(measurement), 2); }),
              HasSubstr("of 2 ports"));
}

/// A server in a process of its own, as ssh would start it.
class Server {
 public:
  Server(const std::string& address, const std::string& key)
      : child_({YOKE_TRANSFER_SERVER, address, key}, environment, {.input = true}) {
    while (ports.empty()) {
      const std::string line = next_line();
      if (!line.starts_with("listening ")) continue;
      std::istringstream words(line.substr(10));
      for (std::uint16_t port = 0; words >> port;) ports.push_back(port);
    }
  }
  void say(const std::string& text) { child_.write_input(text); }
  std::string next_line() {
    const auto limit = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < limit) {
      child_.exchange();
      if (auto line = child_.take_line()) return *line;
      child_.wait(milliseconds{5});
    }
    throw std::runtime_error("the server says nothing");
  }
  bool ends() {
    child_.close_input();
    return child_.wait(patience).has_value();
  }
  std::vector<std::uint16_t> ports;

 private:
  system::ChildProcess child_;
};

const std::string key(64, 'a');

TEST(Transfer, MeasuresALinkOverAPortOfEachRange) {
  const Server server("127.0.0.1", key);
  for (std::size_t i = 0; i < port_ranges.size(); ++i) {
    EXPECT_GE(server.ports.at(i), port_ranges[i].first);
    EXPECT_LE(server.ports.at(i), port_ranges[i].last);
  }
  const Measurement found = measure("127.0.0.1", server.ports, key);
  EXPECT_THAT(found.ports, testing::ElementsAre("", "", ""));
  EXPECT_GT(found.round_trip, 0);
  EXPECT_LT(found.round_trip, 1);
  EXPECT_GT(found.bytes_per_second, 1e6);
  EXPECT_GT(found.mtu, 1000);
  EXPECT_FALSE(found.full_size_lost);
}

TEST(Transfer, IsDoneByAServerThatIsToldTo) {
  const Server to("127.0.0.2", key);
  Server from("127.0.0.1", key);
  from.say(fmt::format("measure 127.0.0.2 {} {} {}\n", to.ports[0], to.ports[1], to.ports[2]));
  EXPECT_GT(parse_measurement(from.next_line(), 3).bytes_per_second, 1e6);
  EXPECT_TRUE(from.ends());
}

TEST(Transfer, ToWhoDoesNotKnowTheKeyCountsNothing) {
  const Server server("127.0.0.1", key);
  const Measurement found = measure("127.0.0.1", server.ports, std::string(64, 'b'));
  EXPECT_THAT(found.ports, testing::Each(HasSubstr("does not accept the run's key")));
  EXPECT_EQ(found.bytes_per_second, 0);
}

TEST(Transfer, ToAPortThatNobodyServesSaysSo) {
  Server server("127.0.0.1", key);
  const std::vector<std::uint16_t> ports{server.ports[0], 45127, 46999};
  const Measurement found = measure("127.0.0.1", ports, key);
  EXPECT_THAT(found.ports, testing::ElementsAre("", "Connection refused", "Connection refused"));
  EXPECT_GT(found.bytes_per_second, 0);
}

TEST(Transfer, ToAnImpostorIsSeenThrough) {
  const TransferListener listener = listen_in({"test", 45300, 45399}, "127.0.0.1");
  std::thread impostor([&] {
    wait_readable(listener.socket, std::chrono::steady_clock::now() + patience);
    const FileDescriptor peer(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK));
    std::array<std::byte, 64> greeting{};
    const auto limit = std::chrono::steady_clock::now() + patience;
    send_all(peer, std::span(greeting).first(32), limit);
    receive_all(peer, greeting, limit);
    send_all(peer, std::span(greeting).subspan(32), limit);  // the client's own proof
  });
  const Measurement found = measure("127.0.0.1", std::vector<std::uint16_t>{listener.port}, key);
  impostor.join();
  EXPECT_THAT(found.ports, testing::ElementsAre("what answers there does not know the run's key"));
}

TEST(Server, OutlivesStrangers) {
  const Server server("127.0.0.1", key);
  std::vector<FileDescriptor> strangers;
  for (int i = 0; i < 20; ++i) {
    strangers.push_back(begin_connect("127.0.0.1", server.ports[2]));
    const std::vector<std::byte> noise(200, std::byte{0x55});
    if (i % 2 == 0) send_all(strangers.back(), noise, std::chrono::steady_clock::now() + patience);
  }
  EXPECT_GT(measure("127.0.0.1", server.ports, key).bytes_per_second, 0);
}

TEST(Transfers, AreMeasuredBetweenAllHosts) {
  const ScratchFolder folder;
  // "agent HOST COMMAND" runs the server here, as another host would.
  const auto agent = folder.write(
      "agent", fmt::format("#!/bin/sh\nread key\nset -- $2\nexec {} $4 $key\n", YOKE_TRANSFER_SERVER));
  ::chmod(agent.c_str(), 0755);
  const SshCommand ssh(agent.native(), "", environment);
  const std::vector<TransferHost> hosts{{parse_host("a", "test"), "yoke", "127.0.0.1"},
                                        {parse_host("b", "test"), "yoke", "127.0.0.2"},
                                        {parse_host("c", "test"), "yoke", "192.0.2.1"}};
  std::size_t last = 0;
  const Transfers transfers =
      measure_transfers(hosts, key, ssh, environment, [&](std::size_t done, std::size_t) { last = done; });
  EXPECT_EQ(last, 6u);
  ASSERT_EQ(transfers.pairs.size(), 2u);
  for (const Transfer& each : transfers.pairs) EXPECT_GT(each.found.bytes_per_second, 1e6);
  EXPECT_FALSE(transfers.troubles[0]);
  EXPECT_FALSE(transfers.troubles[1]);
  ASSERT_TRUE(transfers.troubles[2]);
  EXPECT_THAT(transfers.troubles[2]->sentence,
              HasSubstr("c took no part in the transfers: cannot listen on 192.0.2.1"));
}

}  // namespace
}  // namespace yoke::hosts
