#include "runtime/local_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/error.h"
#include "runtime/run_engine.h"

namespace yoke::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(LocalEngine, AnIdThatIsInFlightIsRefusedAndTheFirstRequestGoesOn) {
  const std::vector<Token> expected = greedy(1, prompt, 6);
  with_engine(1, demo_options(), [&](Engine& engine) {
    engine.submit(request(7, prompt, 6));
    engine.submit(request(7, {1, 2}, 1));
    std::map<std::uint64_t, Answer> answers = drain(engine);
    EXPECT_EQ(answers[7].refused, "a request with the id 7 is in flight; expected another id for this one");
    EXPECT_EQ(answers[7].tokens, expected);
    engine.submit(request(7, prompt, 6));  // which has ended now
    EXPECT_EQ(drain(engine)[7].tokens, expected);
  });
}

TEST(LocalEngine, WritesTheSameGreedyTokensOnAnyNumberOfRanks) {
  const std::vector<Token> one = greedy(1, prompt, 40);
  ASSERT_EQ(one.size(), 40);
  for (const int ranks : {2, 3, 4, 5, 8}) EXPECT_EQ(greedy(ranks, prompt, 40), one) << ranks << " ranks";
}

TEST(LocalEngine, RequestsTogetherAnswerAsEachAlone) {
  std::map<std::uint64_t, Answer> together;
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(request(1, prompt, 30));
    engine.submit(request(2, {2044, 5, 6}, 20));
    engine.submit(request(3, {2044, 700, 800, 900}, 10));
    together = drain(engine);
  });
  EXPECT_EQ(together[1].tokens, greedy(2, prompt, 30));
  EXPECT_EQ(together[2].tokens, greedy(2, {2044, 5, 6}, 20));
  EXPECT_EQ(together[3].tokens, greedy(2, {2044, 700, 800, 900}, 10));
}

std::vector<Token> long_text(std::size_t n) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < n; ++i) tokens.push_back(static_cast<Token>(i * i * 7 % 2000));
  return tokens;
}

TEST(LocalEngine, ASecondTurnComputesOnlyWhatIsNew) {
  const std::vector<Token> first = long_text(150);
  std::vector<Token> second = first;
  for (const Token token : greedy(1, first, 80)) second.push_back(token);
  second.insert(second.end(), {11, 12, 13});
  const std::vector<Token> alone = greedy(1, second, 20);
  for (const int ranks : {1, 2, 3}) {
    with_engine(ranks, demo_options(), [&](Engine& engine) {
      engine.submit(request(1, first, 80));
      EXPECT_EQ(drain(engine)[1].done->statistics.reused_tokens, 0);
      engine.submit(request(2, second, 20));
      const Answer answer = drain(engine)[2];
      EXPECT_EQ(answer.done->statistics.reused_tokens, 192);  // the pages that 229 tokens fill
      EXPECT_EQ(answer.tokens, alone);
    });
  }
}

/// That a request asked twice is told the same bits, though so many of its tokens are known the second time.
void expect_known(Engine& engine, const Request& asked, std::int32_t known) {
  engine.submit(asked);
  const Answer first = drain(engine)[asked.id];
  engine.submit(asked);
  const Answer second = drain(engine)[asked.id];
  EXPECT_EQ(second.done->statistics.reused_tokens, known);
  EXPECT_EQ(second.logits, first.logits);
}

TEST(LocalEngine, LogitsAfterAPrefixThatWasKnownAreTheSameBits) {
  Request asked = request(1, long_text(200), 0);
  asked.report = PromptReport::logits;
  asked.report_from = 190;
  with_engine(2, demo_options(), [&](Engine& engine) {
    expect_known(engine, asked, 128);
    asked.salt = 1;
    engine.submit(asked);
    EXPECT_EQ(drain(engine)[1].done->statistics.reused_tokens, 0);
  });
}

TEST(LocalEngine, APrefixIsKnownWithItsWindows) {
  Request asked = request(1, {}, 0);
  for (int i = 0; i < 200; ++i) asked.prompt.push_back(i * 31 % 300);
  asked.report = PromptReport::logits;
  asked.report_from = 190;
  for (const int ranks : {1, 3}) {
    with_engine(ranks, windowed_options(), [&](Engine& engine) { expect_known(engine, asked, 128); });
  }
}

TEST(LocalEngine, APrefixOfLatentsIsKnownInTheFormThatItWasComputedIn) {
  RankOptions options = demo_options();
  options.host.model = std::filesystem::path(YOKE_GENERATED_DATA) / "tiny" / "deepseek2.gguf";
  Request asked = request(1, {}, 0);
  for (int i = 0; i < 260; ++i) asked.prompt.push_back(i * 31 % 300);
  asked.report = PromptReport::logits;
  asked.report_from = 255;
  with_engine(2, options, [&](Engine& engine) {
    expect_known(engine, asked, 192);
    asked.prompt.resize(150);  // fills no cell of 192, so that all of it is absorbed
    asked.report_from = 145;
    engine.submit(asked);
    EXPECT_EQ(drain(engine)[1].done->statistics.reused_tokens, 0);
  });
}

TEST(LocalEngine, APrefixIsKnownWithWhatRecurrentLayersKnowAfterIt) {
  RankOptions options = demo_options();
  options.host.model = std::filesystem::path(YOKE_GENERATED_DATA) / "tiny" / "qwen3next.gguf";
  Request asked = request(1, {}, 0);
  for (int i = 0; i < 200; ++i) asked.prompt.push_back(i * 31 % 300);
  asked.report = PromptReport::logits;
  asked.report_from = 195;
  for (const int ranks : {1, 2, 3}) {
    with_engine(ranks, options, [&](Engine& engine) {
      expect_known(engine, asked, 192);
      Request turn = request(2, asked.prompt, 70);
      engine.submit(turn);
      const std::vector<Token> written = drain(engine)[2].tokens;
      turn.prompt.insert(turn.prompt.end(), written.begin(), written.end());
      turn.max_tokens = 0;
      turn.report = PromptReport::logits;
      turn.report_from = 265;
      engine.submit(turn);
      const Answer after = drain(engine)[2];
      EXPECT_EQ(after.done->statistics.reused_tokens, 256) << "of what was written, the full page";
      turn.salt = 1;
      engine.submit(turn);
      EXPECT_EQ(drain(engine)[2].logits, after.logits);
    });
  }
}

TEST(LocalEngine, SequencesThatDoNotFitTogetherAnswerAsEachAlone) {
  // Eight pages of 64 positions for three sequences of up to 250.
  const std::vector<Token> texts[] = {long_text(40), long_text(60), long_text(20)};
  for (const int ranks : {1, 2}) {
    with_engine(ranks, demo_options(), [&](Engine& engine) {
      for (std::uint64_t id = 1; id <= 3; ++id) {
        Request asked = request(id, texts[id - 1], 190);
        asked.sampling = {.temperature = 0.9f, .seed = id};
        engine.submit(asked);
      }
      const std::map<std::uint64_t, Answer> together = drain(engine);
      for (std::uint64_t id = 1; id <= 3; ++id) {
        Request asked = request(id, texts[id - 1], 190);
        asked.sampling = {.temperature = 0.9f, .seed = id};
        asked.salt = 1;
        engine.submit(asked);
        EXPECT_EQ(together.at(id).tokens, drain(engine)[id].tokens) << id;
      }
    });
  }
}

TEST(LocalEngine, MorePagesThanOneContextHoldMoreSequences) {
  RankOptions options = demo_options();
  options.engine.context = 128;
  options.engine.sequences = 3;
  std::uint64_t kv_bytes = 0;
  with_engine(2, options, [&](Engine& engine) { kv_bytes = engine.reports()[1].kv_bytes; });
  options.engine.pages = 6;
  with_engine(2, options, [&](Engine& engine) {
    EXPECT_EQ(engine.info().context, 128);
    EXPECT_EQ(engine.reports()[1].kv_bytes, 3 * kv_bytes);
    for (std::uint64_t id = 1; id <= 3; ++id)
      engine.submit(request(id, {static_cast<Token>(id), 17, 4}, 124));
    auto answers = drain(engine);
    for (std::uint64_t id = 1; id <= 3; ++id) {
      EXPECT_EQ(answers[id].tokens.size(), 124U);
      engine.submit(request(9, {static_cast<Token>(id), 17, 4}, 124));
      EXPECT_EQ(drain(engine)[9].tokens, answers[id].tokens);
    }
  });
}

TEST(LocalEngine, ReportsStatistics) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(request(9, prompt, 5));
    const Answer answer = drain(engine)[9];
    ASSERT_TRUE(answer.done);
    const Statistics& statistics = answer.done->statistics;
    EXPECT_EQ(answer.done->reason, FinishReason::length);
    EXPECT_EQ(statistics.prompt_tokens, 7);
    EXPECT_EQ(statistics.generated_tokens, 5);
    EXPECT_GT(statistics.queue_seconds, 0);
    EXPECT_GT(statistics.prompt_seconds, 0);
    EXPECT_GT(statistics.decode_seconds, 0);
    // Two all-reduces of 256 floats per layer and token; the last sampled token is not computed.
    EXPECT_EQ(statistics.reduced_bytes, 4 * 2 * 256 * sizeof(float) * (7 + 4));
  });
}

TEST(LocalEngine, WhatRequestsExchangeAddsUpToWhatRankZeroExchanges) {
  for (const int ranks : {2, 3}) {
    with_engine(ranks, demo_options(), [&](Engine& engine) {
      engine.submit(request(1, long_text(130), 30));
      engine.submit(request(2, {5, 6, 7}, 25));
      engine.submit(request(3, long_text(90), 0));
      Request flat = request(4, {9, 9}, 20);
      flat.sampling = {.temperature = 9};  // so that whole rows are gathered
      engine.submit(flat);
      Request reporting = request(5, long_text(100), 0);
      reporting.report = PromptReport::log_probabilities;
      engine.submit(reporting);
      const std::map<std::uint64_t, Answer> answers = drain(engine);
      std::uint64_t bytes = 0;
      double seconds = 0;
      for (const auto& [id, answer] : answers) {
        const Statistics& s = answer.done->statistics;
        const auto computed = static_cast<std::uint64_t>(s.prompt_tokens - s.reused_tokens +
                                                         std::max(0, s.generated_tokens - 1));
        EXPECT_EQ(s.reduced_bytes, 4 * 2 * 256 * sizeof(float) * computed) << id << ": it is each token's";
        EXPECT_GT(s.exchange_seconds, 0);
        EXPECT_LE(s.decode_exchange_seconds, s.exchange_seconds);
        bytes += s.reduced_bytes;
        seconds += s.exchange_seconds;
      }
      const RankReport report = engine.reports()[0];
      EXPECT_EQ(bytes, report.reduced_bytes);
      EXPECT_NEAR(seconds, report.exchange_seconds, 1e-9 * (1 + seconds));
    });
  }
}

TEST(LocalEngine, TellsHowLongARequestWaitedForOthers) {
  RankOptions options = demo_options();
  options.engine.sequences = 1;
  with_engine(1, options, [&](Engine& engine) {
    engine.submit(request(1, prompt, 40));
    engine.submit(request(2, prompt, 3));
    engine.submit(request(3, prompt, 3));
    ASSERT_TRUE(engine.next(forever));
    engine.cancel(3);
    const std::map<std::uint64_t, Answer> answers = drain(engine);
    const Statistics& first = answers.at(1).done->statistics;
    const Statistics& second = answers.at(2).done->statistics;
    EXPECT_GE(second.queue_seconds, first.prompt_seconds + first.decode_seconds);
    EXPECT_LT(first.queue_seconds, second.queue_seconds);
    const Statistics& cancelled = answers.at(3).done->statistics;
    EXPECT_GT(cancelled.queue_seconds, 0);
    EXPECT_EQ(cancelled.prompt_seconds + cancelled.decode_seconds, 0);
  });
}

TEST(LocalEngine, RefusesARequestAndGoesOn) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(request(1, {}, 5));
    engine.submit(request(2, {3, 2048}, 5));
    engine.submit(request(3, std::vector<Token>(513, 1), 5));
    engine.submit(request(4, prompt, 5));
    std::map<std::uint64_t, Answer> answers = drain(engine);
    EXPECT_THAT(answers[1].refused, HasSubstr("empty"));
    EXPECT_THAT(answers[2].refused, HasSubstr("token 2048 is out of range"));
    EXPECT_THAT(answers[3].refused, HasSubstr("513 tokens, but the context holds 512"));
    EXPECT_EQ(answers[4].tokens.size(), 5);
  });
}

TEST(LocalEngine, FillsTheContextAndSaysSo) {
  RankOptions options = demo_options();
  options.engine.context = 16;
  with_engine(2, options, [&](Engine& engine) {
    EXPECT_EQ(engine.info().context, 16);
    EXPECT_EQ(engine.info().trained_context, 512);
    engine.submit(request(1, prompt, 100));
    const Answer answer = drain(engine)[1];
    EXPECT_EQ(answer.done->reason, FinishReason::context_full);
    EXPECT_EQ(answer.tokens.size(), 16 - 7 + 1);
  });
}

TEST(LocalEngine, CancelEndsARequestBetweenSteps) {
  with_engine(2, demo_options(), [&](Engine& engine) {
    engine.submit(request(1, prompt, 100));
    ASSERT_TRUE(std::holds_alternative<TokenEvent>(engine.next(forever).value()));
    engine.cancel(1);
    engine.cancel(77);
    const Answer answer = drain(engine)[1];
    EXPECT_EQ(answer.done->reason, FinishReason::cancelled);
    engine.submit(request(2, prompt, 3));
    EXPECT_EQ(drain(engine)[2].tokens.size(), 3)
        << "the engine goes on after a cancelled request and a sleep";
  });
}

/// What five requests are answered of which the third is cancelled on its way.
std::map<std::uint64_t, Answer> answers_beside_a_cancelled(int ranks, const RankOptions& options) {
  constexpr std::uint64_t cancelled = 3;
  std::map<std::uint64_t, Answer> answers;
  with_engine(ranks, options, [&](Engine& engine) {
    std::mt19937 random(11);
    for (std::uint64_t id = 1; id <= 5; ++id) {
      std::vector<Token> tokens(100 + random() % 80);
      for (Token& token : tokens) token = static_cast<Token>(random() % 320);
      Request one = request(id, tokens, id == 2 ? 0 : 20);
      if (id == 2) one.report = PromptReport::log_probabilities;
      engine.submit(std::move(one));
    }
    bool cancelled_yet = false;
    while (const std::optional<Event> event = engine.next(forever)) {
      if (const auto* token = std::get_if<TokenEvent>(&*event)) {
        answers[token->request].tokens.push_back(token->token);
        if (token->request == cancelled && !cancelled_yet) engine.cancel(cancelled), cancelled_yet = true;
      } else if (const auto* piece = std::get_if<LogProbabilitiesEvent>(&*event)) {
        std::vector<float>& all = answers[piece->request].log_probabilities;
        all.insert(all.end(), piece->values.begin(), piece->values.end());
      }
    }
  });
  answers.erase(cancelled);
  return answers;
}

TEST(LocalEngine, SequencesThatTakeSlotsInTurnAnswerAsWithAWholeCache) {
  RankOptions whole = windowed_options();
  whole.engine.prefill_chunk = 512;  // windows of such steps would take more than the context
  whole.engine.sequences = 1;
  for (const int ranks : {1, 2, 3, 4}) {
    const auto expected = answers_beside_a_cancelled(ranks, whole);
    const auto found = answers_beside_a_cancelled(ranks, windowed_options());
    for (const std::uint64_t id : {1, 2, 4, 5}) {
      EXPECT_EQ(found.at(id).tokens, expected.at(id).tokens) << id << " on " << ranks << " ranks";
      EXPECT_EQ(found.at(id).log_probabilities, expected.at(id).log_probabilities) << id;
    }
    EXPECT_EQ(found.at(1).tokens.size(), 20);
    EXPECT_GE(found.at(2).log_probabilities.size(), 99);
  }
}

TEST(LocalEngine, ReturnsBetweenTheStepsOfALongPromptOncePatienceIsOver) {
  RankOptions options = demo_options();
  options.engine.prefill_chunk = 1;
  with_engine(2, options, [&](Engine& engine) {
    engine.submit(request(1, std::vector<Token>(100, 5), 10));
    EXPECT_EQ(engine.next(std::chrono::milliseconds(0)), std::nullopt);
    engine.cancel(1);
    const Answer answer = drain(engine)[1];
    EXPECT_EQ(answer.done->reason, FinishReason::cancelled);
    EXPECT_TRUE(answer.tokens.empty());
  });
}

TEST(LocalEngine, EveryRankReportsWhatItHolds) {
  with_engine(4, demo_options(), [&](Engine& engine) {
    engine.submit(request(1, prompt, 5));
    drain(engine);
    const std::vector<RankReport> reports = engine.reports();
    ASSERT_EQ(reports.size(), 4);
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(reports[rank].rank, rank);
      EXPECT_THAT(reports[rank].share, HasSubstr(fmt::format("heads {}-{} of 8", 2 * rank, 2 * rank + 1)));
      EXPECT_GT(reports[rank].weight_bytes, 0);
      EXPECT_GT(reports[rank].time.products, 0);
      EXPECT_GT(reports[rank].time.attention, 0);
      EXPECT_GT(reports[rank].time.other, 0);
      EXPECT_GT(reports[rank].exchange_seconds, 0);
      EXPECT_EQ(reports[rank].reduced_bytes, reports[0].reduced_bytes);
    }
  });
}

TEST(LocalEngine, TimesOfEveryRankAddUpToTheWall) {
  for (const int ranks : {1, 2, 3, 4}) {
    with_engine(ranks, demo_options(), [&](Engine& engine) {
      const std::vector<RankReport> before = engine.reports();
      const auto start = std::chrono::steady_clock::now();
      engine.submit(request(1, prompt, 400));
      drain(engine);
      const std::vector<RankReport> after = engine.reports();
      const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      for (std::size_t rank = 0; rank < after.size(); ++rank) {
        const TimeSplit time = after[rank].time.since(before[rank].time);
        EXPECT_NEAR(time.at_work() + time.measuring + time.idle, wall, 0.02 * wall)
            << "rank " << rank << " of " << ranks;
        EXPECT_EQ(time.exchange + time.waited() > 0, ranks > 1);
        EXPECT_GT(time.leading, 0);
      }
    });
  }
}

TEST(LocalEngine, RefusesAModelThatIsNotThere) {
  RankOptions options;
  options.host.model = "no/such/model.gguf";
  EXPECT_THROW(with_engine(2, options, [](Engine&) {}), Error);
}

TEST(LocalEngine, RefusesAContextBeyondTheModels) {
  RankOptions options = demo_options();
  options.engine.context = 513;
  EXPECT_THROW(with_engine(1, options, [](Engine&) {}), Error);
}

}  // namespace
}  // namespace yoke::runtime
