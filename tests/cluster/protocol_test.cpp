#include "cluster/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

#include "base/error.h"
#include "common/error_of.h"

namespace yoke::cluster {
namespace {

using runtime::DoneEvent;
using runtime::FailedEvent;
using runtime::FinishReason;
using runtime::LogitsEvent;
using runtime::RankReport;
using runtime::Request;
using runtime::TokenEvent;

Request request() {
  Request request;
  request.id = 9;
  request.prompt = {1, -2, 3};
  request.max_tokens = 17;
  request.sampling = {0.5F, 42, 40, 0.9F, 0.1F, 0.8F, 1.1F, 0.25F, 0.75F, 128, {{7, -1.5F}}};
  request.stop_tokens = {2, 3};
  request.report = runtime::PromptReport::log_probabilities;
  request.report_from = 21;
  request.vocabulary_limit = 31999;
  request.given = {{0, 11}, {13, 17}};
  request.salt = 77;
  request.log_probabilities = 5;
  request.deadline_milliseconds = 1500;
  return request;
}

Start start() {
  return {{4096, 512, 3, 9, kernels::KvType::q8, kernels::ActivationType::f32, true},
          {{"m.gguf", 4, "cache", 5, 6}, {"n.gguf", 1, "", 7, 8}}};
}

RankReport rank_report() {
  return {3,
          "node3",
          4242,
          8,
          true,
          "avx512",
          1000,
          2000,
          "heads 0-1 of 8, FFN 0-191 of 768",
          0.5,
          99,
          {1.5, 0.5, 0.125, 0.25, {0, 0.75}, 2, 3, 4},
          0.25,
          77,
          20,
          21,
          22,
          0.75,
          {"a notice", ""}};
}

Heartbeat heartbeat() { return {{Phase::computing, 11, 12, 13}}; }

/// One of each kind, with no field at its default.
template <class Conversation>
std::vector<Conversation> messages();

template <>
std::vector<Greeting> messages() {
  return {Hello{{7, "c0ffee"}, 3, 0xA5A5'5A5A'A5A5'5A5A}};
}
template <>
std::vector<ToEngine> messages() {
  return {start(), Submit{request()}, Cancel{9}, AskReports{}, AskRooflines{}, Goodbye{}};
}
template <>
std::vector<FromEngine> messages() {
  return {heartbeat(),
          RanksMet{{{0, "a", "m", "n", 1, 2, {3, 4}, 5}, {1, "b", "m2", "n2", 2, 1, {}, 1}}},
          GroupProgress{{25, 30, {{0, 7}, {2, 9}}}, 3, 2, {4, 11, {{0, 3}}}},
          Ready{{32000, 4096, 131072}},
          Reports{{rank_report(), rank_report()}},
          Rooflines{{{{1, 2}, "why", {3, 4}, {5}}}},
          Failure{"a sentence"},
          TokenEvent{9, 5, -1.5F, {{5, -1.5F}, {6, -2.5F}}},
          LogitsEvent{9, 3, {1.5F, -2.5F}},
          runtime::LogProbabilitiesEvent{9, 1, {-0.5F, -2.5F}},
          DoneEvent{9, FinishReason::cancelled, {4, 3, 5, 0.1, 0.2, 0.3, 6, 0.4, 0.5}},
          FailedEvent{9, "no"}};
}
template <>
std::vector<ToFollower> messages() {
  return {heartbeat(), Wake{}, Failure{"a sentence"}, Goodbye{}};
}
template <>
std::vector<FromFollower> messages() {
  return {heartbeat(), LoadProgress{5, 10, {{0, 3}, {1, 2}}}, Failure{"a sentence"}, Goodbye{}};
}

std::span<const std::byte> payload(const std::vector<std::byte>& frame) {
  return std::span(frame).subspan(4);
}

template <class Conversation>
std::string error_in(std::span<const std::byte> frame) {
  return error_of([&] { decode<Conversation>(frame); });
}

/// What was said of `Conversation` and heard at the other end.
template <class Kind, class Conversation>
Kind heard(const Conversation& message) {
  return std::get<Kind>(decode<Conversation>(payload(encode(message))));
}

TEST(Summarise, AddsUpTheRanksAndNamesTheOneFurthestBehind) {
  const std::vector<LoadProgress> ranks{{50, 100}, {9, 30}, {90, 100}, {3, 10}};
  const GroupProgress group = summarise(ranks);
  EXPECT_EQ(group.all.done, 152U);
  EXPECT_EQ(group.all.total, 240U);
  EXPECT_EQ(group.ranks, 4);
  EXPECT_EQ(group.slowest, 1);
  EXPECT_EQ(group.slowest_rank.done, 9U);
  EXPECT_EQ(group.slowest_rank.total, 30U);
}

TEST(Summarise, AddsUpWhatCameFromEach) {
  const std::vector<LoadProgress> ranks{
      {50, 100}, {9, 30, {{3, 5}}}, {90, 100, {{0, 40}, {3, 50}}}, {3, 10, {{0, 2}}}};
  const GroupProgress group = summarise(ranks);
  ASSERT_EQ(group.all.fetched.size(), 2U);
  EXPECT_EQ(group.all.fetched[0].from, 0);
  EXPECT_EQ(group.all.fetched[0].bytes, 42U);
  EXPECT_EQ(group.all.fetched[1].from, 3);
  EXPECT_EQ(group.all.fetched[1].bytes, 55U);
}

TEST(Summarise, ARankThatHasNotBegunIsFurthestBehind) {
  const std::vector<LoadProgress> ranks{{0, 100}, {}, {0, 100}};
  EXPECT_EQ(summarise(ranks).slowest, 1);
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const std::vector<LoadProgress> liars{{most, most}, {most, most}};
  EXPECT_EQ(summarise(liars).all.done, most);
}

template <class Conversation>
class Protocol : public testing::Test {};
using Conversations = testing::Types<Greeting, ToEngine, FromEngine, ToFollower, FromFollower>;
TYPED_TEST_SUITE(Protocol, Conversations);

TYPED_TEST(Protocol, EveryKindOfMessageSurvivesTheWireByteForByte) {
  const auto all = messages<TypeParam>();
  ASSERT_EQ(all.size(), std::variant_size_v<TypeParam>);
  for (std::size_t kind = 0; kind < all.size(); ++kind) {
    ASSERT_EQ(all[kind].index(), kind);
    const auto frame = encode(all[kind]);
    const auto decoded = decode<TypeParam>(payload(frame));
    EXPECT_EQ(decoded.index(), kind);
    EXPECT_EQ(encode(decoded), frame) << "kind " << kind;
  }
}

TYPED_TEST(Protocol, ATruncatedOrOverlongMessageOfAnyKindIsAnError) {
  for (const TypeParam& message : messages<TypeParam>()) {
    auto frame = encode(message);
    for (std::size_t n = 0; n + 4 < frame.size(); ++n)
      EXPECT_THROW(decode<TypeParam>(payload(frame).first(n)), Error)
          << "kind " << message.index() << ", " << n << " bytes";
    frame.push_back(std::byte{0});
    EXPECT_THAT(error_in<TypeParam>(payload(frame)), testing::HasSubstr("too many"))
        << "kind " << message.index();
  }
}

TYPED_TEST(Protocol, UnknownKindsAreErrors) {
  EXPECT_THAT(error_in<TypeParam>({}), testing::HasSubstr("empty"));
  const std::size_t next = std::variant_size_v<TypeParam>;
  for (const std::size_t kind : {next, std::size_t{200}}) {
    const std::vector<std::byte> unknown{static_cast<std::byte>(kind)};
    EXPECT_THAT(error_in<TypeParam>(unknown), testing::HasSubstr("unknown kind " + std::to_string(kind)));
  }
}

TYPED_TEST(Protocol, RandomAndDamagedBytesGiveAMessageOrAnError) {
  std::mt19937 generator(20261122);
  const auto all = messages<TypeParam>();
  for (int round = 0; round < 20000; ++round) {
    auto frame = encode(all[generator() % all.size()]);
    frame.erase(frame.begin(), frame.begin() + 4);
    for (unsigned damage = generator() % 4; damage > 0; --damage)
      frame[generator() % frame.size()] = static_cast<std::byte>(generator());
    if (generator() % 4 == 0) frame.resize(generator() % (2 * frame.size()));
    try {
      encode(decode<TypeParam>(frame));
    } catch (const Error&) {
      continue;
    }
  }
}

TEST(Fields, ArriveAsTheyWere) {
  const auto submit = heard<Submit>(ToEngine(Submit{request()}));
  EXPECT_EQ(submit.request.id, 9U);
  EXPECT_EQ(submit.request.prompt, (std::vector<runtime::Token>{1, -2, 3}));
  EXPECT_EQ(submit.request.max_tokens, 17);
  EXPECT_EQ(submit.request.sampling.temperature, 0.5F);
  EXPECT_EQ(submit.request.sampling.seed, 42U);
  EXPECT_EQ(submit.request.stop_tokens, (std::vector<runtime::Token>{2, 3}));
  EXPECT_EQ(submit.request.sampling.penalty_window, 128);
  EXPECT_EQ(submit.request.sampling.bias.at(0).bias, -1.5F);
  EXPECT_EQ(submit.request.report, runtime::PromptReport::log_probabilities);
  EXPECT_EQ(submit.request.report_from, 21);
  EXPECT_EQ(submit.request.vocabulary_limit, 31999);
  EXPECT_EQ(submit.request.log_probabilities, 5);
  EXPECT_EQ(submit.request.deadline_milliseconds, 1500);
  const auto token = heard<TokenEvent>(FromEngine(TokenEvent{9, 5, -1.5F, {{5, -1.5F}, {6, -2.5F}}}));
  EXPECT_EQ(token.log_probability, -1.5F);
  EXPECT_EQ(token.likeliest.at(1).token, 6);
  EXPECT_EQ(token.likeliest.at(1).value, -2.5F);
  const DoneEvent ended{9, FinishReason::deadline, {4, 3, 5, 0.1, 0.2, 0.3, 6, 0.4, 0.5}};
  const auto done = heard<DoneEvent>(FromEngine(ended));
  EXPECT_EQ(done.reason, FinishReason::deadline);
  EXPECT_EQ(done.statistics.queue_seconds, 0.1);
  EXPECT_EQ(done.statistics.decode_exchange_seconds, 0.5);
  const auto reports = heard<Reports>(FromEngine(Reports{{rank_report(), rank_report()}}));
  EXPECT_EQ(reports.ranks.at(1).share, "heads 0-1 of 8, FFN 0-191 of 768");
  EXPECT_EQ(reports.ranks.at(1).reduced_bytes, 77U);
  EXPECT_EQ(reports.ranks.at(1).notices.at(0), "a notice");
  const auto rooflines = heard<Rooflines>(FromEngine(Rooflines{{{{1, 2}, "why", {3, 4}, {5}}}}));
  EXPECT_EQ(rooflines.ranks.at(0).no_stream, "why");
  EXPECT_EQ(rooflines.ranks.at(0).int8_passes, (std::vector<double>{3, 4}));
}

TEST(Fields, OfAStartAreEveryOption) {
  const auto told = heard<Start>(ToEngine(start()));
  EXPECT_EQ(told.engine.context, 4096);
  EXPECT_EQ(told.engine.prefill_chunk, 512);
  EXPECT_EQ(told.engine.sequences, 3);
  EXPECT_EQ(told.engine.pages, 9);
  EXPECT_EQ(told.engine.kv_type, kernels::KvType::q8);
  EXPECT_EQ(told.engine.activations, kernels::ActivationType::f32);
  EXPECT_TRUE(told.engine.tries_kernels);
  ASSERT_EQ(told.hosts.size(), 2U);
  EXPECT_EQ(told.hosts[0].model, "m.gguf");
  EXPECT_EQ(told.hosts[0].threads, 4);
  EXPECT_EQ(told.hosts[0].cache_dir, "cache");
  EXPECT_EQ(told.hosts[0].cache_bytes, 5U);
  EXPECT_EQ(told.hosts[0].memory, 6U);
  EXPECT_EQ(told.hosts[1].model, "n.gguf");
}

TEST(Fields, WithImpossibleValuesAreErrors) {
  auto done = encode<FromEngine>(DoneEvent{9, FinishReason::cancelled, {}});
  done[4 + 1 + 8] = std::byte{17};
  EXPECT_THAT(error_in<FromEngine>(payload(done)), testing::HasSubstr("choice 17 where the last is 4"));
  auto submit = encode<ToEngine>(Submit{request()});
  submit.at(submit.size() - 1 - sizeof(Request::report_from) - sizeof(Request::vocabulary_limit) -
            sizeof(Request::salt) - (sizeof(std::uint32_t) + 2 * sizeof(runtime::Stretch)) -
            sizeof(Request::log_probabilities) - sizeof(Request::deadline_milliseconds)) = std::byte{3};
  EXPECT_THAT(error_in<ToEngine>(payload(submit)), testing::HasSubstr("choice 3 where the last is 2"));
}

TEST(Fields, ALyingCountTakesNoMemory) {
  auto frame = encode<FromEngine>(LogitsEvent{9, 0, {1.0F}});
  const std::uint32_t lie = 0xFFFFFFFF;
  std::memcpy(frame.data() + 4 + 1 + 8 + 4, &lie, sizeof lie);
  EXPECT_THAT(error_in<FromEngine>(payload(frame)), testing::HasSubstr("announces 4294967295 elements"));
}

TEST(FrameReader, CutsAStreamThatArrivesInPieces) {
  std::vector<std::byte> stream;
  for (const FromEngine& message : messages<FromEngine>()) {
    const auto frame = encode(message);
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{64}, stream.size()}) {
    FrameReader reader;
    std::vector<std::size_t> kinds;
    for (std::size_t begin = 0; begin < stream.size(); begin += piece) {
      reader.feed(std::span(stream).subspan(begin, std::min(piece, stream.size() - begin)));
      while (const auto frame = reader.next()) kinds.push_back(decode<FromEngine>(*frame).index());
    }
    std::vector<std::size_t> expected;
    for (const FromEngine& message : messages<FromEngine>()) expected.push_back(message.index());
    EXPECT_EQ(kinds, expected) << "in pieces of " << piece;
  }
}

TEST(FrameReader, RefusesALengthBeyondItsLimitBeforeItHasArrived) {
  FrameReader reader(max_hello_bytes);
  const std::uint32_t length = max_hello_bytes + 1;
  reader.feed(std::as_bytes(std::span(&length, 1)));
  EXPECT_THROW(reader.next(), Error);
  FrameReader other;
  const std::uint32_t nothing = 0;
  other.feed(std::as_bytes(std::span(&nothing, 1)));
  EXPECT_THROW(other.next(), Error);
}

TEST(FrameReader, AHelloFitsWhatAnUnknownPeerMaySend) {
  EXPECT_LE(encode<Greeting>(Hello{{1, std::string(system::longest_commit, 'c')}, 1, {}}).size(),
            max_hello_bytes);
}

}  // namespace
}  // namespace yoke::cluster
