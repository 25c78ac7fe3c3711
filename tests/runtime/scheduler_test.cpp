#include "runtime/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace yoke::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr SchedulerLimits limits{
    .vocabulary = 100, .context = 200, .pages = 4, .prefill_chunk = 10, .max_rows = 6};

Request request(std::uint64_t id, std::size_t prompt, std::int32_t max_tokens) {
  Request request;
  request.id = id;
  request.prompt.assign(prompt, static_cast<Token>(id));
  request.max_tokens = max_tokens;
  return request;
}

TEST(Scheduler, RefusesWhatCannotRun) {
  Scheduler scheduler(limits);
  EXPECT_THAT(scheduler.add(request(1, 0, 1)).value_or(""), HasSubstr("prompt is empty"));
  EXPECT_THAT(scheduler.add(request(1, 201, 1)).value_or(""),
              HasSubstr("201 tokens, but the context holds 200"));
  EXPECT_THAT(scheduler.add(request(1, 5, -1)).value_or(""), HasSubstr("-1 tokens were asked for"));
  EXPECT_THAT(scheduler.add(request(100, 5, 1)).value_or(""), HasSubstr("token 100 is out of range"));
  Request negative = request(1, 5, 1);
  negative.prompt[2] = -1;
  EXPECT_THAT(scheduler.add(negative).value_or(""), HasSubstr("token -1 is out of range"));
  for (const float temperature :
       {-1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Request odd = request(1, 5, 1);
    odd.sampling.temperature = temperature;
    EXPECT_THAT(scheduler.add(odd).value_or(""), HasSubstr("the temperature is"));
  }
  for (const std::int32_t limit : {-1, 101}) {
    Request odd = request(1, 5, 1);
    odd.vocabulary_limit = limit;
    EXPECT_THAT(scheduler.add(odd).value_or(""), HasSubstr("the vocabulary has 100"));
  }
  EXPECT_TRUE(scheduler.idle());
}

TEST(Scheduler, HandsTheVocabularysLimitOnWithEachRow) {
  Scheduler scheduler(limits);
  Request limited = request(7, 3, 2);
  limited.vocabulary_limit = 90;
  ASSERT_FALSE(scheduler.add(limited));
  EXPECT_EQ(scheduler.plan().wanted.at(0).vocabulary_limit, 90);
}

TEST(Scheduler, CutsAPromptIntoChunksAndSamplesAtItsEnd) {
  Scheduler scheduler(limits);
  ASSERT_FALSE(scheduler.add(request(7, 25, 3)));
  std::vector<std::int64_t> sizes;
  std::vector<WantedRow> wanted;
  while (wanted.empty()) {
    PlannedStep step = scheduler.plan();
    sizes.push_back(step.batch.size());
    wanted = step.wanted;
  }
  EXPECT_THAT(sizes, ElementsAre(10, 10, 5));
  ASSERT_EQ(wanted.size(), 1);
  EXPECT_EQ(wanted[0].request, 7);
  EXPECT_EQ(wanted[0].position, 24);
  EXPECT_TRUE(wanted[0].samples);
  EXPECT_FALSE(wanted[0].reports);
}

TEST(Scheduler, DecodesOneTokenAStepUntilTheLength) {
  Scheduler scheduler(limits);
  scheduler.add(request(7, 3, 3));
  scheduler.plan();
  EXPECT_EQ(scheduler.accept(7, 50), std::nullopt);
  const PlannedStep step = scheduler.plan();
  EXPECT_THAT(step.batch.tokens, ElementsAre(50));
  EXPECT_THAT(step.batch.positions, ElementsAre(3));
  EXPECT_EQ(scheduler.accept(7, 51), std::nullopt);
  scheduler.plan();
  EXPECT_EQ(scheduler.accept(7, 52), FinishReason::length);
  EXPECT_TRUE(scheduler.idle());
}

TEST(Scheduler, EndsAtAStopToken) {
  Scheduler scheduler(limits);
  Request stopping = request(7, 3, 10);
  stopping.stop_tokens = {60, 61};
  scheduler.add(stopping);
  scheduler.plan();
  EXPECT_EQ(scheduler.accept(7, 50), std::nullopt);
  scheduler.plan();
  EXPECT_EQ(scheduler.accept(7, 61), FinishReason::stop_token);
}

TEST(Scheduler, EndsWhenTheContextIsFullAndNotBefore) {
  Scheduler scheduler(limits);
  scheduler.add(request(7, 198, 50));
  while (scheduler.plan().wanted.empty()) {
  }
  // Positions 198 and 199 are left to compute at; a token sampled at 199 still comes out.
  EXPECT_EQ(scheduler.accept(7, 1), std::nullopt);
  scheduler.plan();
  EXPECT_EQ(scheduler.accept(7, 2), std::nullopt);
  EXPECT_EQ(scheduler.plan().batch.positions[0], 199);
  EXPECT_EQ(scheduler.accept(7, 3), FinishReason::context_full);
}

TEST(Scheduler, ReportsEveryPromptRowWhereAskedAndCompletes) {
  Scheduler scheduler(limits);
  Request reporting = request(7, 12, 0);
  reporting.report = PromptReport::logits;
  scheduler.add(reporting);
  PlannedStep first = scheduler.plan();
  EXPECT_EQ(first.wanted.size(), 6) << "no more rows than the limit, though the chunk would hold ten tokens";
  EXPECT_TRUE(first.completed.empty());
  PlannedStep second = scheduler.plan();
  EXPECT_EQ(second.wanted.size(), 6);
  EXPECT_EQ(second.wanted[5].position, 11);
  EXPECT_FALSE(second.wanted[5].samples);
  EXPECT_THAT(second.completed, ElementsAre(7));
  EXPECT_TRUE(scheduler.idle());
}

TEST(Scheduler, DecodingSequencesAreNotHeldUpByAPrompt) {
  Scheduler scheduler(limits);
  scheduler.add(request(1, 4, 20));
  scheduler.plan();
  scheduler.accept(1, 9);
  scheduler.add(request(2, 30, 5));
  const PlannedStep step = scheduler.plan();
  EXPECT_EQ(step.batch.size(), 10);  // one decoded token and nine of the prompt
  EXPECT_THAT(step.requests, ElementsAre(1, 2));
  EXPECT_EQ(step.wanted.size(), 1);
  EXPECT_NE(step.batch.page_tables[0], step.batch.page_tables[1]);
}

TEST(Scheduler, APromptGoesOnHoweverManyDecode) {
  SchedulerLimits narrow = limits;
  narrow.prefill_chunk = 1;
  Scheduler scheduler(narrow);
  scheduler.add(request(1, 1, 20));
  scheduler.plan();
  scheduler.accept(1, 9);
  scheduler.add(request(2, 3, 5));
  EXPECT_THAT(scheduler.plan().batch.tokens, ElementsAre(9, 2));
}

TEST(Scheduler, NeverWantsMoreRowsThanItsLimit) {
  SchedulerLimits wide = limits;
  wide.pages = 40;
  wide.prefill_chunk = 100;
  Scheduler scheduler(wide);
  for (std::uint64_t id = 1; id <= 10; ++id) {
    Request one = request(id, 7, id % 2 == 0 ? 4 : 0);
    one.report = id % 2 == 1 ? PromptReport::logits : PromptReport::nothing;
    scheduler.add(one);
  }
  std::size_t rows = 0;
  while (!scheduler.idle()) {
    const PlannedStep step = scheduler.plan();
    ASSERT_FALSE(step.requests.empty());
    ASSERT_LE(step.wanted.size(), 6);
    rows += step.wanted.size();
    for (const WantedRow& row : step.wanted) {
      if (row.samples) scheduler.accept(row.request, 1);
    }
  }
  EXPECT_EQ(rows, 5 * 7 + 5 * 4);
}

TEST(Scheduler, NamesOnlyThePagesThatAStepReaches) {
  Scheduler scheduler(limits);
  scheduler.add(request(1, 70, 100));  // three pages are its own
  std::vector<std::size_t> pages;
  for (int step = 0; step < 7; ++step) pages.push_back(scheduler.plan().batch.page_tables[0].size());
  EXPECT_THAT(pages, ElementsAre(1, 1, 1, 1, 1, 1, 2));
}

TEST(Scheduler, WaitsForPagesAndTakesThoseOfWhoeverEnds) {
  Scheduler scheduler(limits);
  scheduler.add(request(1, 150, 10));  // three of four pages
  scheduler.add(request(2, 100, 10));  // two
  EXPECT_THAT(scheduler.plan().requests, ElementsAre(1));
  EXPECT_TRUE(scheduler.cancel(1));
  EXPECT_THAT(scheduler.plan().requests, ElementsAre(2));
}

TEST(Scheduler, CancelForgetsQueuedAndRunningRequests) {
  Scheduler scheduler(limits);
  scheduler.add(request(1, 5, 10));
  scheduler.plan();
  scheduler.add(request(2, 5, 10));
  EXPECT_TRUE(scheduler.cancel(2));
  EXPECT_TRUE(scheduler.cancel(1));
  EXPECT_FALSE(scheduler.cancel(1));
  EXPECT_TRUE(scheduler.idle());
  EXPECT_EQ(scheduler.plan().batch.size(), 0);
}

}  // namespace
}  // namespace yoke::runtime
