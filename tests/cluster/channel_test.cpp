#include "cluster/channel.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <thread>

#include "base/error.h"

namespace yoke::cluster {
namespace {

using std::chrono::milliseconds;

std::array<FileDescriptor, 2> socket_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

/// Waits for the next message; none when the peer has closed.
std::optional<Message> wait_for_message(Channel& channel) {
  for (bool open = true;;) {
    if (auto message = channel.next()) return message;
    if (!open) return std::nullopt;
    pollfd readable{channel.fd(), POLLIN, 0};
    ::poll(&readable, 1, -1);
    open = channel.receive();
  }
}

TEST(Channel, CarriesAMessageLargerThanAnyBuffer) {
  auto [a, b] = socket_pair();
  Channel sender(std::move(a));
  Channel receiver(std::move(b));
  const std::vector<float> logits(3'000'000, 1.5F);
  std::thread sending([&] { sender.send(runtime::LogitsEvent{1, 0, logits}); });
  const auto message = wait_for_message(receiver);
  sending.join();
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<runtime::LogitsEvent>(*message).logits, logits);
}

TEST(Channel, MessagesOfManyThreadsArriveWhole) {
  auto [a, b] = socket_pair();
  Channel sender(std::move(a));
  Channel receiver(std::move(b));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        sender.send(Failure{std::string(1000, 'x')});
        sender.send_heartbeat();
      }
    });
  int failures = 0;
  while (failures < 800) {
    const auto message = wait_for_message(receiver);
    ASSERT_TRUE(message);
    if (const auto* failure = std::get_if<Failure>(&*message)) {
      EXPECT_EQ(failure->sentence.size(), 1000U);
      ++failures;
    }
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Channel, SendGivesUpOnAPeerThatDoesNotRead) {
  auto [a, b] = socket_pair();
  Channel sender(std::move(a));
  const runtime::LogitsEvent large{1, 0, std::vector<float>(1'000'000)};
  EXPECT_THROW(sender.send(large, milliseconds(20)), Error);
}

TEST(Channel, HeartbeatNeverWaits) {
  auto [a, b] = socket_pair();
  Channel sender(std::move(a));
  for (int i = 0; i < 200'000; ++i) sender.send_heartbeat();  // far more than the socket holds
  Channel receiver(std::move(b));
  // What was cut off by the full socket is completed later, so that the stream stays whole.
  std::thread sending([&] { sender.send(Goodbye{}); });
  std::optional<Message> message;
  do message = wait_for_message(receiver);
  while (message && std::holds_alternative<Heartbeat>(*message));
  sending.join();
  ASSERT_TRUE(message);
  EXPECT_TRUE(std::holds_alternative<Goodbye>(*message));
}

TEST(Channel, KnowsWhenThePeerHasClosed) {
  auto [a, b] = socket_pair();
  Channel channel(std::move(a));
  {
    Channel peer(std::move(b));
    peer.send(Wake{});
  }
  EXPECT_TRUE(wait_for_message(channel));
  EXPECT_FALSE(wait_for_message(channel));
  EXPECT_THROW(channel.send(Wake{}), Error);
}

TEST(Channel, ShutDownEndsASendThatWaits) {
  auto [a, b] = socket_pair();
  Channel sender(std::move(a));
  std::thread sending([&] {
    EXPECT_THROW(sender.send(runtime::LogitsEvent{1, 0, std::vector<float>(1'000'000)}), Error);
  });
  pollfd readable{b.get(), POLLIN, 0};
  ::poll(&readable, 1, -1);
  sender.shut_down();
  sending.join();
}

}  // namespace
}  // namespace yoke::cluster
