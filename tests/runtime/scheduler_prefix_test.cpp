// Of prefixes that sequences share, and of checkpoints from which they go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "runtime/scheduler.h"

namespace yoke::runtime {
namespace {

using testing::ElementsAre;

constexpr SchedulerLimits limits{
    .vocabulary = 100, .context = 200, .pages = 4, .prefill_chunk = 10, .slots = 10, .shares_prefixes = true};

Request request(std::uint64_t id, std::size_t prompt, std::int32_t max_tokens) {
  Request request;
  request.id = id;
  request.prompt.assign(prompt, static_cast<Token>(id));
  request.max_tokens = max_tokens;
  return request;
}

TEST(SchedulerPrefix, ComputesAPrefixOnceWhereItMay) {
  Scheduler scheduler(limits);
  scheduler.add(request(1, 150, 1));
  while (!scheduler.idle()) {
    for (const RowOwner& owner : scheduler.plan().owners) scheduler.accept(owner.request, 9);
  }
  EXPECT_EQ(scheduler.gauges().kept_pages, 2);
  Request again = request(1, 150, 1);
  scheduler.add(again);
  const PlannedStep step = scheduler.plan();
  EXPECT_EQ(step.batch.positions[0], 128);
  EXPECT_THAT(step.reused, ElementsAre(128));
  scheduler.cancel(1);
  again.salt = 3;
  scheduler.add(again);
  EXPECT_EQ(scheduler.plan().batch.positions[0], 0) << "of another salt";
}

TEST(SchedulerPrefix, ReportsOnWhatIsKnownAsAPrefixAllTheSame) {
  Scheduler scheduler(limits);
  std::vector<std::size_t> rows;
  for (std::uint64_t id = 1; id <= 2; ++id) {
    Request reporting = request(1, 150, 0);
    reporting.report = PromptReport::logits;
    reporting.report_from = 70;
    scheduler.add(reporting);
    std::size_t n = 0;
    while (!scheduler.idle()) n += scheduler.plan().owners.size();
    rows.push_back(n);
  }
  EXPECT_THAT(rows, ElementsAre(80, 80));
  EXPECT_EQ(scheduler.gauges().reused_tokens, 64);
}

std::vector<std::int32_t> positions_of(const std::vector<ops::Checkpoint>& checkpoints) {
  std::vector<std::int32_t> positions;
  for (const ops::Checkpoint& each : checkpoints) positions.push_back(each.position);
  return positions;
}

SchedulerLimits recurrent_limits(std::int32_t checkpoints) {
  SchedulerLimits recurrent = limits;
  recurrent.context = 2000;
  recurrent.pages = 40;
  recurrent.prefill_chunk = 2000;
  recurrent.recurrent = true;
  recurrent.checkpoints = checkpoints;
  return recurrent;
}

/// Runs what is queued; the positions of all checkpoints that were taken.
std::vector<std::int32_t> run(Scheduler& scheduler) {
  std::vector<std::int32_t> positions;
  while (!scheduler.idle()) {
    const PlannedStep step = scheduler.plan();
    step.batch.check();
    for (const std::int32_t each : positions_of(step.batch.checkpoints)) positions.push_back(each);
    for (const RowOwner& owner : step.owners) scheduler.accept(owner.request, 9);
  }
  return positions;
}

TEST(SchedulerPrefix, KeepsStatesOfAPromptAtItsEndAndAtDistancesBefore) {
  Scheduler scheduler(recurrent_limits(8));
  scheduler.add(request(1, 1000, 30));
  EXPECT_THAT(run(scheduler), ElementsAre(7 * 64, 11 * 64, 15 * 64, 16 * 64))
      << "the last page of the prompt, and the last that was generated";
  EXPECT_EQ(scheduler.gauges().kept_checkpoints, 4);
  EXPECT_EQ(scheduler.gauges().used_checkpoints, 4);
}

TEST(SchedulerPrefix, GoesOnFromACheckpoint) {
  Scheduler scheduler(recurrent_limits(8));
  scheduler.add(request(1, 1000, 30));
  run(scheduler);
  Request again = request(1, 1000, 1);
  again.prompt.resize(900, 1);
  again.prompt.push_back(5);
  scheduler.add(again);
  const PlannedStep step = scheduler.plan();
  EXPECT_EQ(step.batch.positions[0], 11 * 64);
  EXPECT_GE(step.batch.resumed.at(0), limits.slots);
  EXPECT_THAT(positions_of(step.batch.checkpoints), ElementsAre(14 * 64));
  EXPECT_EQ(scheduler.gauges().used_checkpoints, 5);
}

TEST(SchedulerPrefix, DoesWithoutCheckpointsWhereAllAreInUse) {
  Scheduler scheduler(recurrent_limits(1));
  scheduler.add(request(1, 1000, 1));
  scheduler.plan();
  scheduler.accept(1, 9);
  EXPECT_EQ(scheduler.gauges().kept_checkpoints, 1);
  scheduler.add(request(1, 1000, 1));
  const PlannedStep step = scheduler.plan();
  EXPECT_EQ(step.batch.positions[0], 7 * 64) << "the only one was the first of the prompt";
  EXPECT_THAT(step.batch.checkpoints, testing::IsEmpty()) << "and is being gone on from";
}

TEST(SchedulerPrefix, KeepsNothingOfARequestThatWentWrong) {
  SchedulerLimits whole = limits;
  whole.prefill_chunk = 100;
  Scheduler scheduler(whole);
  scheduler.add(request(1, 90, 5));
  scheduler.plan();
  scheduler.drop(1);
  EXPECT_TRUE(scheduler.idle());
  EXPECT_EQ(scheduler.gauges().free_pages, limits.pages);
}

}  // namespace
}  // namespace yoke::runtime
