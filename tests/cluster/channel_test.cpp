#include "cluster/channel.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <string>
#include <thread>

#include "base/error.h"
#include "common/tls_pair.h"

namespace yoke::cluster {
namespace {

using std::chrono::milliseconds;
using Ends = std::pair<std::unique_ptr<system::Stream>, std::unique_ptr<system::Stream>>;

const std::vector<std::byte> heartbeat = encode<FromEngine>(Heartbeat{});

Ends plain_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  return {system::plain_stream(FileDescriptor(ends[0])), system::plain_stream(FileDescriptor(ends[1]))};
}

/// The channel between starter and engine, and that between ranks.
class Channels : public testing::TestWithParam<std::string> {
 protected:
  static Ends new_pair() {
    if (GetParam() == "Plain") return plain_pair();
    auto [a, b] = tls_pair();
    return {std::move(a), std::move(b)};
  }
};

INSTANTIATE_TEST_SUITE_P(Over, Channels, testing::Values("Plain", "Tls"),
                         [](const auto& over) { return over.param; });

/// Waits for the next message of the engine; none when the peer has closed.
template <class Said>
std::optional<FromEngine> wait_for_message(Talk<FromEngine, Said>& talk) {
  for (bool open = true;;) {
    if (auto message = talk.next()) return message;
    if (!open) return std::nullopt;
    pollfd readable{talk.channel().fd(), POLLIN, 0};
    ::poll(&readable, 1, -1);
    open = talk.channel().receive();
  }
}

template <class End>
End end_at(std::unique_ptr<system::Stream>& stream) {
  return End(std::make_unique<Channel>(std::move(stream)));
}

TEST_P(Channels, CarryAMessageLargerThanAnyBuffer) {
  auto [a, b] = new_pair();
  auto sender = end_at<EngineEnd>(a);
  auto receiver = end_at<StarterEnd>(b);
  const std::vector<float> logits(3'000'000, 1.5F);
  std::thread sending([&] { sender.say(runtime::LogitsEvent{1, 0, logits}); });
  const auto message = wait_for_message(receiver);
  sending.join();
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<runtime::LogitsEvent>(*message).logits, logits);
}

/// Sends from four threads, with heartbeats in between, and receives what four threads of the peer send.
void converse(Talk<FromEngine, FromEngine>& talk) {
  constexpr int threads = 4;
  constexpr int messages = 100;
  constexpr std::size_t size = 20'000;  // more than a record of TLS holds
  std::vector<std::thread> sending;
  for (int t = 0; t < threads; ++t)
    sending.emplace_back([&] {
      for (int i = 0; i < messages; ++i) {
        talk.say(Failure{std::string(size, 'x')});
        talk.channel().send_heartbeat(heartbeat);
      }
    });
  for (int failures = 0; failures < threads * messages;) {
    const auto message = wait_for_message(talk);
    ASSERT_TRUE(message);
    if (const auto* failure = std::get_if<Failure>(&*message)) {
      EXPECT_EQ(failure->sentence.size(), size);
      ++failures;
    } else {
      EXPECT_TRUE(std::holds_alternative<Heartbeat>(*message));
    }
  }
  for (std::thread& thread : sending) thread.join();
}

TEST_P(Channels, MessagesOfManyThreadsArriveWholeBothWaysAtOnce) {
  auto [a, b] = new_pair();
  auto left = end_at<Talk<FromEngine, FromEngine>>(a);
  auto right = end_at<Talk<FromEngine, FromEngine>>(b);
  std::thread other([&, &right = right] { converse(right); });
  converse(left);
  other.join();
}

TEST_P(Channels, SendGivesUpOnAPeerThatDoesNotRead) {
  auto [a, b] = new_pair();
  auto sender = end_at<EngineEnd>(a);
  const runtime::LogitsEvent large{1, 0, std::vector<float>(4'000'000)};
  EXPECT_THROW(sender.say(large, milliseconds(20)), Error);
}

TEST_P(Channels, AHeartbeatNeverWaits) {
  auto [a, b] = new_pair();
  const int small = 4096;
  ::setsockopt(a->fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  ::setsockopt(b->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  auto sender = end_at<EngineEnd>(a);
  for (int i = 0; i < 20'000; ++i) sender.channel().send_heartbeat(heartbeat);
  pollfd full{sender.channel().fd(), POLLOUT, 0};
  ASSERT_EQ(::poll(&full, 1, 0), 0) << "the socket takes more than that";
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

TEST_P(Channels, AHeartbeatDoesNotWaitForAnotherThreadThatSends) {
  auto [a, b] = new_pair();
  auto sender = end_at<EngineEnd>(a);
  std::thread sending([&] {
    EXPECT_THROW(sender.say(runtime::LogitsEvent{1, 0, std::vector<float>(4'000'000)}), Error);
  });
  pollfd readable{b->fd(), POLLIN, 0};
  ::poll(&readable, 1, -1);
  for (int i = 0; i < 1000; ++i) sender.channel().send_heartbeat(heartbeat);
  sender.channel().shut_down();
  sending.join();
}

TEST_P(Channels, KnowWhenThePeerHasClosed) {
  auto [a, b] = new_pair();
  auto starter = end_at<StarterEnd>(a);
  {
    auto engine = end_at<EngineEnd>(b);
    engine.say(Heartbeat{});
  }
  EXPECT_TRUE(wait_for_message(starter));
  EXPECT_FALSE(wait_for_message(starter));
  // TCP tells only after a first attempt.
  EXPECT_THROW(
      {
        for (int i = 0; i < 1000; ++i) starter.say(Cancel{1});
      },
      Error);
}

TEST(Talk, WhatDoesNotBelongToTheConversationIsAnError) {
  auto [a, b] = plain_pair();
  auto starter = end_at<StarterEnd>(a);
  Channel(std::move(b)).send(encode<ToEngine>(Cancel{7}));  // which only a starter says
  EXPECT_THROW(wait_for_message(starter), Error);
}

TEST_P(Channels, ShutDownEndsASendThatWaits) {
  auto [a, b] = new_pair();
  auto sender = end_at<EngineEnd>(a);
  std::thread sending([&] {
    EXPECT_THROW(sender.say(runtime::LogitsEvent{1, 0, std::vector<float>(4'000'000)}), Error);
  });
  pollfd readable{b->fd(), POLLIN, 0};
  ::poll(&readable, 1, -1);
  sender.channel().shut_down();
  sending.join();
}

}  // namespace
}  // namespace yoke::cluster
