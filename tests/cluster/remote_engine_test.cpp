#include "cluster/remote_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <future>
#include <thread>

#include "base/error.h"
#include "cluster/engine_server.h"
#include "comm/solo.h"
#include "common/error_of.h"
#include "fake_engine.h"

namespace yoke::cluster {
namespace {

using namespace runtime;
using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr milliseconds patience{20000};

/// A starter's RemoteEngine and a thread that plays rank 0 at the other end of a socket pair.
struct Pair {
  explicit Pair(std::function<void(FileDescriptor)> rank_0, const RemoteTiming& timing = {}) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    thread = std::thread([rank_0, end = ends[1]] { rank_0(FileDescriptor(end)); });
    engine = std::make_unique<RemoteEngine>(StarterEnd(std::make_unique<Channel>(FileDescriptor(ends[0]))),
                                            nullptr, timing);
  }
  ~Pair() {
    engine.reset();
    thread.join();
  }
  std::thread thread;
  std::unique_ptr<RemoteEngine> engine;
};

/// Rank 0 as it is in real life.
void serve_fake_engine(FileDescriptor socket) {
  comm::SoloComm comm;
  EngineServer server(std::move(socket));
  server.watch(comm.pulse());
  server.announce({{0, "host", "", "", 100, 1, {}, 1}});
  server.report_progress({{1, 2}, 1, 0, {1, 2}});
  const auto engine = fake_roles().lead(behaving("well"), comm, [](auto, auto) {});
  try {
    server.serve(*engine);
  } catch (const Error& error) {
    server.fail(error.what());
  }
}

Request request(std::uint64_t id, std::int32_t max_tokens) { return {id, {1, 2, 3}, max_tokens, {}, {}, {}}; }

template <class T>
T expect(RemoteEngine& engine) {
  auto event = engine.next(patience);
  if (!event || !std::holds_alternative<T>(*event)) fail("another event, or none, came");
  return std::get<T>(std::move(*event));
}

/// Waits until the starter says something; false once it has gone.
bool hear_more(EngineEnd& starter) {
  pollfd readable{starter.channel().fd(), POLLIN, 0};
  ::poll(&readable, 1, -1);
  return starter.channel().receive();
}

TEST(RemoteEngine, StreamsTheTokensOfRequestsAndTheirEnds) {
  Pair pair(serve_fake_engine);
  pair.engine->wait_until_ready({});
  EXPECT_EQ(pair.engine->info().vocabulary, 1000);
  EXPECT_EQ(pair.engine->info().context, 64);
  EXPECT_EQ(pair.engine->info().trained_context, 128);
  pair.engine->submit(request(7, 3));
  pair.engine->submit(request(8, 1));
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(expect<TokenEvent>(*pair.engine).token, fake_token(1, i));
  EXPECT_EQ(expect<DoneEvent>(*pair.engine).request, 7U);
  EXPECT_EQ(expect<TokenEvent>(*pair.engine).request, 8U);
  EXPECT_EQ(expect<DoneEvent>(*pair.engine).statistics.generated_tokens, 1);
  EXPECT_FALSE(pair.engine->next(milliseconds(0)));
  EXPECT_EQ(pair.engine->reports().at(0).pid, ::getpid());
  EXPECT_EQ(pair.engine->measure_rooflines().at(0).int8_passes, std::vector{1e12});
}

TEST(RemoteEngine, CancelsBetweenSteps) {
  Pair pair(serve_fake_engine);
  pair.engine->wait_until_ready({});
  pair.engine->submit(request(7, 1'000'000'000));
  expect<TokenEvent>(*pair.engine);
  pair.engine->cancel(7);
  for (;;) {
    const auto event = pair.engine->next(patience);
    ASSERT_TRUE(event);
    if (const auto* done = std::get_if<DoneEvent>(&*event)) {
      EXPECT_EQ(done->reason, FinishReason::cancelled);
      return;
    }
  }
}

TEST(RemoteEngine, DestructionInMidRequestEndsTheEngine) {
  Pair pair(serve_fake_engine);
  pair.engine->wait_until_ready({});
  pair.engine->submit(request(7, 1'000'000'000));
  expect<TokenEvent>(*pair.engine);
  pair.engine.reset();
}

TEST(RemoteEngine, ARefusedRequestLeavesTheEngineWell) {
  Pair pair(serve_fake_engine);
  pair.engine->wait_until_ready({});
  pair.engine->submit({7, {}, 1, {}, {}, {}});
  EXPECT_EQ(expect<FailedEvent>(*pair.engine).sentence, "the prompt is empty");
  pair.engine->submit(request(8, 0));
  EXPECT_EQ(expect<DoneEvent>(*pair.engine).request, 8U);
}

TEST(RemoteEngine, LogitsOfALongPromptArriveInWholeRows) {
  Pair pair(serve_fake_engine);
  pair.engine->wait_until_ready({});
  Request all{7, std::vector<Token>(1500, 1), 0, {}, {}, runtime::PromptReport::logits};
  pair.engine->submit(std::move(all));
  std::int32_t rows = 0;
  int messages = 0;
  while (rows < 1500) {
    const auto event = expect<LogitsEvent>(*pair.engine);
    ++messages;
    EXPECT_EQ(event.first_position, rows);
    ASSERT_EQ(event.logits.size() % 1000, 0U);
    EXPECT_EQ(event.logits.at(1), static_cast<float>(rows * 1000 + 1));
    rows += static_cast<std::int32_t>(event.logits.size() / 1000);
  }
  EXPECT_GT(messages, 1);
  expect<DoneEvent>(*pair.engine);
}

TEST(RemoteEngine, ShowsHowFarLoadingIs) {
  Pair pair([](FileDescriptor socket) {
    EngineServer server(std::move(socket));
    server.announce({{0, "host", "", "", 100, 1, {}, 1}});
    server.report_progress({{13, 20}, 2, 1, {3, 10}});
    server.fail("enough");
  });
  std::vector<std::uint64_t> seen;
  EXPECT_EQ(error_of([&] {
              pair.engine->wait_until_ready([&](const GroupProgress& progress) {
                seen.push_back(progress.all.done);
                EXPECT_EQ(progress.ranks, 2);
                EXPECT_EQ(progress.slowest, 1);
                EXPECT_EQ(progress.slowest_rank.total, 10U);
              });
            }),
            "enough");
  EXPECT_THAT(seen, testing::Each(13U));
}

TEST(RemoteEngine, TellsTheEnginesOwnSentenceFromEveryMember) {
  Pair pair([](FileDescriptor socket) {
    EngineServer server(std::move(socket));
    server.fail("rank 1 on host: the file is too short");
  });
  const std::string sentence = "rank 1 on host: the file is too short";
  EXPECT_EQ(error_of([&] { pair.engine->wait_until_ready({}); }), sentence);
  EXPECT_EQ(error_of([&] { pair.engine->next(patience); }), sentence);
  EXPECT_EQ(error_of([&] { pair.engine->submit(request(1, 1)); }), sentence);
  EXPECT_EQ(error_of([&] { pair.engine->reports(); }), sentence);
  EXPECT_EQ(error_of([&] { pair.engine->info(); }), sentence);
}

TEST(RemoteEngine, ReadsNoFurtherThanItsReaderFollows) {
  constexpr std::size_t endless = 2'000'000;
  std::promise<std::size_t> said;
  Pair pair([&](FileDescriptor socket) {
    EngineEnd starter(std::make_unique<Channel>(std::move(socket)));
    std::size_t n = 0;
    try {
      for (; n < endless; ++n) starter.say(TokenEvent{7, static_cast<Token>(n)}, milliseconds(500));
    } catch (const Error&) {
      starter.channel().shut_down();
    }
    said.set_value(n);
  });
  const std::size_t n = said.get_future().get();
  EXPECT_LT(n, endless);
  std::size_t read = 0;
  const std::string death = error_of([&] {
    for (;; ++read) ASSERT_EQ(expect<TokenEvent>(*pair.engine).token, static_cast<Token>(read));
  });
  EXPECT_GE(read, n - 1);
  EXPECT_THAT(death, HasSubstr("closed its connection"));
}

TEST(RemoteEngine, AQuestionIsAnsweredHoweverManyEventsNobodyHasRead) {
  constexpr std::int32_t many = 200'000;  // more than any socket holds
  Pair pair([&](FileDescriptor socket) {
    EngineEnd starter(std::make_unique<Channel>(std::move(socket)));
    for (std::int32_t i = 0; i < many; ++i) starter.say(TokenEvent{7, i});
    while (!starter.next()) hear_more(starter);
    starter.say(Reports{{RankReport{}}});
    while (hear_more(starter)) continue;
  });
  EXPECT_EQ(pair.engine->reports().size(), 1U);
  for (std::int32_t i = 0; i < many; ++i) ASSERT_EQ(expect<TokenEvent>(*pair.engine).token, i);
}

TEST(RemoteEngine, GivesUpOnAnEngineThatDoesNotAnswer) {
  RemoteTiming timing;
  timing.answer = milliseconds(300);
  timing.silence = patience;
  std::promise<void> end;
  Pair pair([&](FileDescriptor) { end.get_future().wait(); }, timing);
  EXPECT_EQ(error_of([&] { pair.engine->reports(); }), "the engine did not answer within 300 ms");
  end.set_value();
}

TEST(RemoteEngine, NoticesAnEngineThatVanishes) {
  Pair pair([](FileDescriptor socket) { EngineServer server(std::move(socket)); });
  EXPECT_THAT(error_of([&] { pair.engine->wait_until_ready({}); }), HasSubstr("closed its connection"));
}

TEST(RemoteEngine, NoticesAnEngineThatFallsSilent) {
  std::promise<void> end;
  RemoteTiming timing;
  timing.silence = milliseconds(600);
  Pair pair(
      [&](FileDescriptor socket) {
        EngineEnd starter(std::make_unique<Channel>(std::move(socket)));
        starter.say(RanksMet{{{0, "host", "", "", 100, 1, {}, 1}}});
        end.get_future().wait();
      },
      timing);
  EXPECT_EQ(error_of([&] { pair.engine->wait_until_ready({}); }),
            "rank 0 (host host, pid 100) stopped answering");
  end.set_value();
}

TEST(RemoteEngine, NoticesARankZeroThatHangsWhileItsHeartGoesOn) {
  RemoteTiming timing;
  timing.stillness = {.working = milliseconds(600)};
  Pulse pulse;
  std::promise<void> end;
  Pair pair(
      [&](FileDescriptor socket) {
        EngineServer server(std::move(socket));
        server.watch(pulse);
        server.announce({{0, "node1", "", "", 100, 1, {}, 1}, {1, "node2", "", "", 101, 1, {}, 1}});
        for (int i = 0; i < 811; ++i) pulse.finish();
        pulse.enter(Phase::computing);
        end.get_future().wait();
      },
      timing);
  EXPECT_EQ(error_of([&] { pair.engine->next(patience); }),
            "node1 has been in op 812 for 0 s; the others wait for it");
  end.set_value();
}

TEST(RemoteEngine, TakesNonsenseForTheEnginesDeath) {
  Pair pair([](FileDescriptor socket) {
    const std::array<unsigned char, 8> nonsense{4, 0, 0, 0, 0xEE, 1, 2, 3};
    ::send(socket.get(), nonsense.data(), nonsense.size(), 0);
  });
  EXPECT_THAT(error_of([&] { pair.engine->wait_until_ready({}); }), HasSubstr("nonsense"));
}

TEST(RemoteEngine, GivesUpOnRanksThatDoNotMeet) {
  RemoteTiming timing;
  timing.meeting = milliseconds(300);
  std::promise<void> end;
  Pair pair(
      [&](FileDescriptor socket) {
        EngineServer server(std::move(socket));
        end.get_future().wait();
      },
      timing);
  EXPECT_EQ(error_of([&] { pair.engine->wait_until_met("; there are too many"); }),
            "the ranks have not met within 0 seconds; there are too many");
  end.set_value();
}

TEST(RemoteEngine, EndsTheWaitForRanksWithWhatKeepsThemApart) {
  std::promise<void> end;
  Pair pair([&](FileDescriptor socket) {
    EngineServer server(std::move(socket));
    end.get_future().wait();
  });
  int asked = 0;
  const auto trouble = [&] { return ++asked < 3 ? std::string() : std::string("node2 was lost"); };
  EXPECT_EQ(error_of([&] { pair.engine->wait_until_met("", trouble); }), "node2 was lost");
  end.set_value();
}

TEST(EngineServer, AnInterruptEndsTheSleepOfAnIdleEngine) {
  Pair pair([](FileDescriptor socket) {
    comm::SoloComm comm;
    EngineServer server(std::move(socket));
    const auto engine = fake_roles().lead(behaving("well"), comm, [](auto, auto) {});
    server.interrupt("rank 1 was lost");
    EXPECT_EQ(error_of([&] { server.serve(*engine); }), "rank 1 was lost");
  });
  EXPECT_THROW(pair.engine->next(patience), Error);
}

}  // namespace
}  // namespace yoke::cluster
