#include "runtime/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace yoke::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr SchedulerLimits limits{
    .vocabulary = 100, .context = 200, .pages = 4, .prefill_chunk = 10, .slots = 10};

Request request(std::uint64_t id, std::size_t prompt, std::int32_t max_tokens) {
  Request request;
  request.id = id;
  request.prompt.assign(prompt, static_cast<Token>(id));
  request.max_tokens = max_tokens;
  return request;
}

TEST(Scheduler, DoesNotQueueWhatIsRefused) {
  Scheduler scheduler(limits);
  EXPECT_THAT(scheduler.add(request(1, 201, 1)).value_or(""),
              HasSubstr("201 tokens, but the context holds 200"));
  EXPECT_THAT(scheduler.add(request(100, 5, 1)).value_or(""), HasSubstr("token 100 is out of range"));
  EXPECT_TRUE(scheduler.idle());
}

TEST(Scheduler, EndsAStepBeforeTheExpandedFormBeginsAgain) {
  Scheduler scheduler({.vocabulary = 100,
                       .context = 400,
                       .pages = 7,
                       .prefill_chunk = 400,
                       .slots = 1,
                       .expanded_cell = ops::page_positions});
  Request one = request(7, 300, 1);
  one.given = {{0, 70}, {100, 300}};
  scheduler.add(one);
  const model::Batch first = scheduler.plan().batch;
  EXPECT_EQ(first.size(), 128);
  EXPECT_THAT(first.expanded, ElementsAre(64));
  const model::Batch second = scheduler.plan().batch;
  EXPECT_EQ(second.size(), 300 - 128);
  EXPECT_THAT(second.expanded, ElementsAre(256));
}

TEST(Scheduler, HandsOnWhatEveryRankMustKnowOfARow) {
  Scheduler scheduler(limits);
  Request one = request(7, 3, 4);
  one.vocabulary_limit = 90;
  one.sampling = {.temperature = 0.5f,
                  .top_k = 20,
                  .repetition_penalty = 1.5f,
                  .presence_penalty = 0.25f,
                  .frequency_penalty = 0.125f,
                  .bias = {{5, 2.0f}}};
  scheduler.add(one);
  const model::WantedRow row = scheduler.plan().batch.wanted.at(0);
  EXPECT_EQ(row.want, model::Want::candidates);
  EXPECT_EQ(row.vocabulary_limit, 90);
  EXPECT_EQ(row.temperature, 0.5f);
  EXPECT_EQ(row.repetition_penalty, 1.5f);
  EXPECT_EQ(row.presence_penalty, 0.25f);
  EXPECT_EQ(row.frequency_penalty, 0.125f);
  ASSERT_EQ(row.bias.size(), 1);
  EXPECT_EQ(row.bias[0].token, 5);
  EXPECT_EQ(row.bias[0].bias, 2.0f);
  EXPECT_EQ(row.candidates, 20);
  EXPECT_FALSE(row.sums);
}

using Counts = std::vector<std::pair<Token, std::int32_t>>;
Counts counts_of(const model::WantedRow& row) {
  Counts counts;
  for (const model::TokenCount& recent : row.recent) counts.emplace_back(recent.token, recent.count);
  return counts;
}

TEST(Scheduler, CountsTheTokensOfThePenaltiesWindowPromptIncluded) {
  const auto run = [](std::int32_t window) {
    Scheduler scheduler(limits);
    Request one = request(7, 1, 4);
    one.prompt = {1, 2, 2, 3};
    one.sampling.presence_penalty = 1;
    one.sampling.penalty_window = window;
    scheduler.add(one);
    std::vector<Counts> counts;
    for (const Token token : {3, 9, 9}) {
      counts.push_back(counts_of(scheduler.plan().batch.wanted.at(0)));
      scheduler.accept(7, token);
    }
    return counts;
  };
  EXPECT_THAT(run(0), ElementsAre(Counts{{1, 1}, {2, 2}, {3, 1}}, Counts{{1, 1}, {2, 2}, {3, 2}},
                                  Counts{{1, 1}, {2, 2}, {3, 2}, {9, 1}}));
  EXPECT_THAT(run(3), ElementsAre(Counts{{2, 2}, {3, 1}}, Counts{{2, 1}, {3, 2}}, Counts{{3, 2}, {9, 1}}));
  EXPECT_THAT(run(1), ElementsAre(Counts{{3, 1}}, Counts{{3, 1}}, Counts{{9, 1}}));
  EXPECT_EQ(run(4)[0], run(0)[0]) << "a window as long as the prompt";
  EXPECT_EQ(run(100), run(0)) << "a window longer than the sequence";
}

TEST(Scheduler, CountsNothingWhereNothingIsPenalised) {
  Scheduler scheduler(limits);
  scheduler.add(request(7, 3, 4));
  EXPECT_TRUE(scheduler.plan().batch.wanted.at(0).recent.empty());
}

TEST(Scheduler, CutsAPromptIntoChunksAndSamplesAtItsEnd) {
  Scheduler scheduler(limits);
  ASSERT_FALSE(scheduler.add(request(7, 25, 3)));
  std::vector<std::int64_t> sizes;
  PlannedStep step;
  while (step.owners.empty()) {
    step = scheduler.plan();
    sizes.push_back(step.batch.size());
  }
  EXPECT_THAT(sizes, ElementsAre(10, 10, 5));
  ASSERT_EQ(step.owners.size(), 1);
  EXPECT_EQ(step.owners[0].request, 7);
  EXPECT_EQ(step.owners[0].position, 24);
  EXPECT_THAT(step.batch.wanted_at, ElementsAre(4));
  EXPECT_EQ(step.batch.wanted.at(0).want, model::Want::candidates);
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
  while (scheduler.plan().owners.empty()) {
  }
  // Positions 198 and 199 are left to compute at; a token sampled at 199 still comes out.
  EXPECT_EQ(scheduler.accept(7, 1), std::nullopt);
  scheduler.plan();
  EXPECT_EQ(scheduler.accept(7, 2), std::nullopt);
  EXPECT_EQ(scheduler.plan().batch.positions[0], 199);
  EXPECT_EQ(scheduler.accept(7, 3), FinishReason::context_full);
}

TEST(Scheduler, ReportsEveryPromptRowWhereAskedInFullChunksAndCompletes) {
  Scheduler scheduler(limits);
  Request reporting = request(7, 12, 0);
  reporting.report = PromptReport::logits;
  scheduler.add(reporting);
  PlannedStep first = scheduler.plan();
  EXPECT_EQ(first.owners.size(), 10);
  EXPECT_TRUE(first.completed.empty());
  PlannedStep second = scheduler.plan();
  ASSERT_EQ(second.owners.size(), 2);
  EXPECT_EQ(second.owners[1].position, 11);
  EXPECT_EQ(second.batch.wanted[1].want, model::Want::logits);
  EXPECT_THAT(second.completed, ElementsAre(7));
  EXPECT_TRUE(scheduler.idle());
}

TEST(Scheduler, AsksForTheProbabilityOfEveryPromptTokenButTheFirst) {
  Scheduler scheduler(limits);
  Request reporting = request(7, 1, 0);
  reporting.report = PromptReport::log_probabilities;
  for (Token token = 1; token < 12; ++token) reporting.prompt.push_back(token);
  scheduler.add(reporting);
  std::vector<Token> targets;
  while (!scheduler.idle()) {
    const PlannedStep step = scheduler.plan();
    for (std::size_t i = 0; i < step.owners.size(); ++i) {
      EXPECT_EQ(step.batch.wanted[i].want, model::Want::log_probability);
      EXPECT_EQ(step.owners[i].position, static_cast<std::int32_t>(targets.size()));
      targets.push_back(step.batch.wanted[i].target);
    }
  }
  EXPECT_THAT(targets, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(Scheduler, AsksForNoRowBeforeThePositionThatAReportBeginsWith) {
  for (const PromptReport what : {PromptReport::logits, PromptReport::log_probabilities}) {
    Scheduler scheduler(limits);
    Request reporting = request(7, 12, 0);
    reporting.report = what;
    reporting.report_from = 8;
    scheduler.add(reporting);
    std::vector<std::int32_t> positions;
    while (!scheduler.idle()) {
      for (const RowOwner& owner : scheduler.plan().owners) positions.push_back(owner.position);
    }
    std::vector<std::int32_t> expected{8, 9, 10};
    if (what == PromptReport::logits) expected.push_back(11);  // which no token follows
    EXPECT_EQ(positions, expected);
  }
}

TEST(Scheduler, AsksNothingOfAPromptOfOneToken) {
  Scheduler scheduler(limits);
  Request reporting = request(7, 1, 0);
  reporting.report = PromptReport::log_probabilities;
  scheduler.add(reporting);
  const PlannedStep step = scheduler.plan();
  EXPECT_TRUE(step.owners.empty());
  EXPECT_THAT(step.completed, ElementsAre(7));
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
  EXPECT_THAT(step.tokens, ElementsAre(1, 9));
  EXPECT_EQ(step.owners.size(), 1);
  EXPECT_NE(step.batch.page_tables[0], step.batch.page_tables[1]);
}

TEST(Scheduler, NoStepExceedsTheChunkAndEveryPromptGoesOn) {
  SchedulerLimits wide = limits;
  wide.pages = 400;
  Scheduler scheduler(wide);
  std::size_t rows = 0;
  for (std::uint64_t id = 1; id <= 30; ++id) {
    Request one = request(id, 7, id % 3 == 0 ? 0 : 4);
    if (id % 3 == 0) one.report = PromptReport::logits;
    rows += id % 3 == 0 ? 7 : 4;
    scheduler.add(one);
  }
  while (!scheduler.idle()) {
    const PlannedStep step = scheduler.plan();
    ASSERT_GT(step.batch.size(), 0);
    ASSERT_LE(step.batch.size(), 10);
    ASSERT_EQ(step.owners.size(), step.batch.wanted.size());
    rows -= step.owners.size();
    for (std::size_t i = 0; i < step.owners.size(); ++i) {
      if (step.batch.wanted[i].want == model::Want::candidates) scheduler.accept(step.owners[i].request, 1);
    }
  }
  EXPECT_EQ(rows, 0);
}

TEST(Scheduler, RunsAsManySequencesAsThereAreSlots) {
  for (const std::int32_t slots : {1, 3, 10}) {
    SchedulerLimits wide = limits;
    wide.pages = 400;
    wide.slots = slots;
    Scheduler scheduler(wide);
    for (std::uint64_t id = 1; id <= 12; ++id) scheduler.add(request(id, 1, 20));
    std::vector<std::uint64_t> expected(static_cast<std::size_t>(slots));
    std::iota(expected.begin(), expected.end(), 1);
    for (int i = 0; i < 2; ++i) {
      const PlannedStep step = scheduler.plan();
      EXPECT_EQ(step.requests, expected);
      for (const RowOwner& owner : step.owners) scheduler.accept(owner.request, 9);
    }
    scheduler.cancel(1);
    std::iota(expected.begin(), expected.end(), 2);
    EXPECT_EQ(scheduler.plan().requests, expected);
  }
}

TEST(Scheduler, ASequenceHasOneSlotThatNoOtherHasWhileItRuns) {
  SchedulerLimits wide = limits;
  wide.pages = 400;
  wide.slots = 3;
  Scheduler scheduler(wide);
  std::mt19937 random(7);
  for (std::uint64_t id = 1; id <= 40; ++id) {
    Request one = request(id, 1 + random() % 12, static_cast<std::int32_t>(random() % 6));
    scheduler.add(one);
  }
  std::map<std::uint64_t, std::int32_t> slot_of;
  std::set<std::int32_t> seen;
  while (!scheduler.idle()) {
    const PlannedStep step = scheduler.plan();
    EXPECT_NO_THROW(step.batch.check());
    ASSERT_EQ(step.batch.slots.size(), step.requests.size());
    for (std::size_t i = 0; i < step.requests.size(); ++i) {
      const std::int32_t slot = step.batch.slots[i];
      EXPECT_LT(slot, 3);
      EXPECT_EQ(slot_of.try_emplace(step.requests[i], slot).first->second, slot);
      seen.insert(slot);
    }
    for (std::size_t i = 0; i < step.owners.size(); ++i) scheduler.accept(step.owners[i].request, 1);
    if (random() % 4 == 0) scheduler.cancel(step.requests[random() % step.requests.size()]);
  }
  EXPECT_THAT(seen, ElementsAre(0, 1, 2));
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

TEST(Scheduler, AdmitsByWhatIsThereAndNotByTheLongestRun) {
  Scheduler scheduler(limits);
  scheduler.add(request(1, 5, 190));  // a page now, four in the end
  scheduler.add(request(2, 5, 190));
  EXPECT_THAT(scheduler.plan().requests, ElementsAre(1, 2));
}

/// Plans steps and accepts token 1 for every row until `id` has a token in none.
int steps_until_out(Scheduler& scheduler, std::uint64_t id) {
  for (int steps = 0; steps < 1000; ++steps) {
    const PlannedStep step = scheduler.plan();
    for (const RowOwner& owner : step.owners) scheduler.accept(owner.request, 1);
    if (std::find(step.requests.begin(), step.requests.end(), id) == step.requests.end()) return steps;
  }
  return -1;
}

TEST(Scheduler, PreemptsTheLastAndLetsItGoOnWithWhatItHas) {
  Scheduler scheduler(limits);
  scheduler.add(request(1, 5, 190));
  scheduler.add(request(2, 5, 190));
  // Each has two pages when the first asks for a third.
  EXPECT_EQ(steps_until_out(scheduler, 2), 128 - 5 + 1);
  EXPECT_EQ(scheduler.gauges().preemptions, 1);
  EXPECT_EQ(scheduler.gauges().waiting, 1);
  EXPECT_GT(steps_until_out(scheduler, 1), 0);
  // It is computed again from the first, its own tokens, too.
  const PlannedStep again = scheduler.plan();
  EXPECT_THAT(again.requests, ElementsAre(2));
  EXPECT_EQ(again.batch.positions[0], 10);
  EXPECT_TRUE(again.owners.empty());
  int rows = 0;
  while (!scheduler.idle()) {
    for (const RowOwner& owner : scheduler.plan().owners) {
      if (rows++ == 0) {
        EXPECT_EQ(owner.position, 128);
      }
      scheduler.accept(owner.request, 1);
    }
  }
  EXPECT_EQ(rows, 190 - 124);
}

TEST(Scheduler, PromptsShareAStepEvenlyAndWhatTheShortDoNotNeedIsForTheLong) {
  SchedulerLimits wide = limits;
  wide.pages = 400;
  Scheduler scheduler(wide);
  scheduler.add(request(1, 100, 1));
  scheduler.add(request(2, 2, 1));
  scheduler.add(request(3, 100, 1));
  const PlannedStep step = scheduler.plan();
  std::vector<std::int64_t> tokens(3);
  for (const std::int32_t sequence : step.batch.sequences) ++tokens[static_cast<std::size_t>(sequence)];
  EXPECT_THAT(tokens, ElementsAre(4, 2, 4));
}

TEST(Scheduler, ComputesAFewPromptTokensWhereOthersDecodeAndItIsAskedTo) {
  Scheduler scheduler(limits);
  scheduler.add(request(1, 4, 20));
  scheduler.plan();
  scheduler.accept(1, 9);
  scheduler.add(request(2, 30, 5));
  EXPECT_EQ(scheduler.plan(3).batch.size(), 4);
  scheduler.cancel(1);
  EXPECT_EQ(scheduler.plan(3).batch.size(), 10) << "where none decodes, nobody waits";
}

TEST(Scheduler, RefusesMoreThanMayWait) {
  SchedulerLimits few = limits;
  few.waiting = 2;
  Scheduler scheduler(few);
  EXPECT_FALSE(scheduler.add(request(1, 5, 10)));
  EXPECT_FALSE(scheduler.add(request(2, 5, 10)));
  EXPECT_EQ(scheduler.add(request(3, 5, 10)).value_or(""),
            "2 requests are waiting already; expected fewer than 2");
  scheduler.plan();
  EXPECT_FALSE(scheduler.add(request(3, 5, 10)));
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
