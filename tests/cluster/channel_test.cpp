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

const std::vector<std::byte> heartbeat = encode<FromEngine>(Heartbeat{});

std::array<FileDescriptor, 2> socket_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

/// Waits for the next message of the engine; none when the peer has closed.
std::optional<FromEngine> wait_for_message(StarterEnd& talk) {
  for (bool open = true;;) {
    if (auto message = talk.next()) return message;
    if (!open) return std::nullopt;
    pollfd readable{talk.channel().fd(), POLLIN, 0};
    ::poll(&readable, 1, -1);
    open = talk.channel().receive();
  }
}

template <class End>
End end_at(FileDescriptor& socket) {
  return End(std::make_unique<Channel>(std::move(socket)));
}

TEST(Channel, CarriesAMessageLargerThanAnyBuffer) {
  auto [a, b] = socket_pair();
  auto sender = end_at<EngineEnd>(a);
  auto receiver = end_at<StarterEnd>(b);
  const std::vector<float> logits(3'000'000, 1.5F);
  std::thread sending([&] { sender.say(runtime::LogitsEvent{1, 0, logits}); });
  const auto message = wait_for_message(receiver);
  sending.join();
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<runtime::LogitsEvent>(*message).logits, logits);
}

TEST(Channel, MessagesOfManyThreadsArriveWhole) {
  auto [a, b] = socket_pair();
  auto sender = end_at<EngineEnd>(a);
  auto receiver = end_at<StarterEnd>(b);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        sender.say(Failure{std::string(1000, 'x')});
        sender.channel().send_heartbeat(heartbeat);
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
  auto sender = end_at<EngineEnd>(a);
  const runtime::LogitsEvent large{1, 0, std::vector<float>(1'000'000)};
  EXPECT_THROW(sender.say(large, milliseconds(20)), Error);
}

TEST(Channel, HeartbeatNeverWaits) {
  auto [a, b] = socket_pair();
  auto sender = end_at<EngineEnd>(a);
  for (int i = 0; i < 200'000; ++i)
    sender.channel().send_heartbeat(heartbeat);  // far more than the socket holds
  auto receiver = end_at<StarterEnd>(b);
  // What was cut off by the full socket is completed later, so that the stream stays whole.
  std::thread sending([&] { sender.say(Failure{"end"}); });
  std::optional<FromEngine> message;
  do message = wait_for_message(receiver);
  while (message && std::holds_alternative<Heartbeat>(*message));
  sending.join();
  ASSERT_TRUE(message);
  EXPECT_TRUE(std::holds_alternative<Failure>(*message));
}

TEST(Channel, KnowsWhenThePeerHasClosed) {
  auto [a, b] = socket_pair();
  auto starter = end_at<StarterEnd>(a);
  {
    auto engine = end_at<EngineEnd>(b);
    engine.say(Heartbeat{});
  }
  EXPECT_TRUE(wait_for_message(starter));
  EXPECT_FALSE(wait_for_message(starter));
  EXPECT_THROW(starter.say(Goodbye{}), Error);
}

TEST(Talk, WhatDoesNotBelongToTheConversationIsAnError) {
  auto [a, b] = socket_pair();
  auto starter = end_at<StarterEnd>(a);
  Channel(std::move(b)).send(encode<ToEngine>(Cancel{7}));  // which only a starter says
  EXPECT_THROW(wait_for_message(starter), Error);
}

TEST(Channel, ShutDownEndsASendThatWaits) {
  auto [a, b] = socket_pair();
  auto sender = end_at<EngineEnd>(a);
  std::thread sending([&] {
    EXPECT_THROW(sender.say(runtime::LogitsEvent{1, 0, std::vector<float>(1'000'000)}), Error);
  });
  pollfd readable{b.get(), POLLIN, 0};
  ::poll(&readable, 1, -1);
  sender.channel().shut_down();
  sending.join();
}

}  // namespace
}  // namespace yoke::cluster
