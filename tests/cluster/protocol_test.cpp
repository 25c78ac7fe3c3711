#include "cluster/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

#include "base/error.h"

namespace yoke::cluster {
namespace {

using runtime::DoneEvent;
using runtime::FinishReason;
using runtime::LogitsEvent;
using runtime::RankReport;
using runtime::RefusedEvent;
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
  return request;
}

Start start() {
  return {{4096, 512, 3, kernels::KvType::q8, kernels::ActivationType::f32},
          {{"m.gguf", 4, "cache", 5, 6}, {"n.gguf", 1, "", 7, 8}}};
}

/// One of each kind, with no field at its default.
std::vector<Message> messages() {
  Cookie cookie;
  cookie.fill(0xA5);
  RankReport report{3,   "node3", 4242, 8,    true, "avx512", 1000, 2000, "heads 0-1 of 8, FFN 0-191 of 768",
                    0.5, 99,      1.5,  0.25, 77,   21,       22,   0.75, {"a notice", ""}};
  return {Hello{{7, "c0ffee"}, 3, cookie},
          RanksMet{{{0, "a", "m", "n", 1, 2, {3, 4}, 5}, {1, "b", "m2", "n2", 2, 1, {}, 1}}},
          LoadProgress{5, 10},
          Ready{{32000, 4096, 131072}},
          Submit{request()},
          Cancel{9},
          AskReports{},
          Reports{{report, report}},
          Heartbeat{},
          Wake{},
          Failure{"a sentence"},
          Goodbye{},
          TokenEvent{9, 5},
          LogitsEvent{9, 3, {1.5F, -2.5F}},
          runtime::LogProbabilitiesEvent{9, 1, {-0.5F, -2.5F}},
          DoneEvent{9, FinishReason::cancelled, {4, 5, 0.1, 0.2, 6, 0.3}},
          RefusedEvent{9, "no"},
          GroupProgress{{25, 30}, 3, 2, {4, 11}},
          AskRooflines{},
          Rooflines{{{{1, 2}, "why", {3, 4}, {5}}}},
          start()};
}

std::span<const std::byte> payload(const std::vector<std::byte>& frame) {
  return std::span(frame).subspan(4);
}

std::string error_of(std::span<const std::byte> frame) {
  try {
    decode(frame);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
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

TEST(Summarise, ARankThatHasNotBegunIsFurthestBehind) {
  const std::vector<LoadProgress> ranks{{0, 100}, {}, {0, 100}};
  EXPECT_EQ(summarise(ranks).slowest, 1);
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const std::vector<LoadProgress> liars{{most, most}, {most, most}};
  EXPECT_EQ(summarise(liars).all.done, most);
}

TEST(Protocol, EveryKindOfMessageSurvivesTheWireByteForByte) {
  const auto all = messages();
  ASSERT_EQ(all.size(), std::variant_size_v<Message>);
  for (const Message& message : all) {
    const auto frame = encode(message);
    const Message decoded = decode(payload(frame));
    EXPECT_EQ(decoded.index(), message.index());
    EXPECT_EQ(encode(decoded), frame) << "kind " << message.index();
  }
}

TEST(Protocol, FieldsArriveAsTheyWere) {
  const auto submit = std::get<Submit>(decode(payload(encode(messages()[4]))));
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
  const auto reports = std::get<Reports>(decode(payload(encode(messages()[7]))));
  EXPECT_EQ(reports.ranks.at(1).share, "heads 0-1 of 8, FFN 0-191 of 768");
  EXPECT_EQ(reports.ranks.at(1).reduced_bytes, 77U);
  EXPECT_EQ(reports.ranks.at(1).notices.at(0), "a notice");
  const auto rooflines = std::get<Rooflines>(decode(payload(encode(messages()[19]))));
  EXPECT_EQ(rooflines.ranks.at(0).no_stream, "why");
  EXPECT_EQ(rooflines.ranks.at(0).int8_passes, (std::vector<double>{3, 4}));
}

TEST(Protocol, ATruncatedOrOverlongMessageOfAnyKindIsAnError) {
  for (const Message& message : messages()) {
    auto frame = encode(message);
    for (std::size_t n = 0; n + 4 < frame.size(); ++n)
      EXPECT_THROW(decode(payload(frame).first(n)), Error)
          << "kind " << message.index() << ", " << n << " bytes";
    frame.push_back(std::byte{0});
    EXPECT_THAT(error_of(payload(frame)), testing::HasSubstr("too many")) << "kind " << message.index();
  }
}

TEST(Protocol, UnknownKindsAndImpossibleValuesAreErrors) {
  EXPECT_THAT(error_of({}), testing::HasSubstr("empty"));
  const std::vector<std::byte> unknown{std::byte{200}};
  EXPECT_THAT(error_of(unknown), testing::HasSubstr("unknown kind 200"));
  auto done = encode(DoneEvent{9, FinishReason::cancelled, {}});
  done[4 + 1 + 8] = std::byte{17};
  EXPECT_THAT(error_of(payload(done)), testing::HasSubstr("choice 17 where the last is 3"));
  auto submit = encode(Submit{request()});
  submit.at(submit.size() - 1 - sizeof(Request::report_from) - sizeof(Request::vocabulary_limit)) =
      std::byte{3};
  EXPECT_THAT(error_of(payload(submit)), testing::HasSubstr("choice 3 where the last is 2"));
}

TEST(Protocol, ALyingCountTakesNoMemory) {
  auto frame = encode(LogitsEvent{9, 0, {1.0F}});
  const std::uint32_t lie = 0xFFFFFFFF;
  std::memcpy(frame.data() + 4 + 1 + 8 + 4, &lie, sizeof lie);
  EXPECT_THAT(error_of(payload(frame)), testing::HasSubstr("announces 4294967295 elements"));
}

TEST(Protocol, RandomAndDamagedBytesGiveAMessageOrAnError) {
  std::mt19937 generator(20261122);
  const auto all = messages();
  for (int round = 0; round < 20000; ++round) {
    auto frame = encode(all[generator() % all.size()]);
    frame.erase(frame.begin(), frame.begin() + 4);
    for (unsigned damage = generator() % 4; damage > 0; --damage)
      frame[generator() % frame.size()] = static_cast<std::byte>(generator());
    if (generator() % 4 == 0) frame.resize(generator() % (2 * frame.size()));
    try {
      encode(decode(frame));
    } catch (const Error&) {
      continue;
    }
  }
}

TEST(FrameReader, CutsAStreamThatArrivesInPieces) {
  std::vector<std::byte> stream;
  for (const Message& message : messages()) {
    const auto frame = encode(message);
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{64}, stream.size()}) {
    FrameReader reader;
    std::vector<std::size_t> kinds;
    for (std::size_t begin = 0; begin < stream.size(); begin += piece) {
      reader.feed(std::span(stream).subspan(begin, std::min(piece, stream.size() - begin)));
      while (auto message = reader.next()) kinds.push_back(message->index());
    }
    std::vector<std::size_t> expected;
    for (const Message& message : messages()) expected.push_back(message.index());
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
  EXPECT_LE(encode(Hello{{1, std::string(system::longest_commit, 'c')}, 1, {}}).size(), max_hello_bytes);
}

}  // namespace
}  // namespace yoke::cluster
