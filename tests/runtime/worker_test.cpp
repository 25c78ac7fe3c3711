#include "runtime/worker.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "comm/solo.h"
#include "common/error_of.h"
#include "common/scratch.h"
#include "runtime/run_engine.h"
#include "shards/shard_folder.h"

namespace yoke::runtime {
namespace {

TEST(MemoryNeeded, IsWhatTheRanksThenReport) {
  RankOptions options = demo_options();
  options.engine.context = 100;
  for (const int ranks : {1, 3}) {
    with_engine(ranks, options, [&](Engine& engine) {
      for (const RankReport& report : engine.reports()) {
        const MemoryNeed need = memory_needed(options.host.model, options.engine, report.rank, ranks);
        EXPECT_EQ(need.weights, report.weight_bytes);
        EXPECT_EQ(need.kv, report.kv_bytes);
        EXPECT_GT(need.scratch, 0);
      }
    });
  }
}

TEST(MemoryNeeded, CountsOfLayersWithAWindowOnlyWhatTheyKeep) {
  RankOptions options = windowed_options();
  const std::uint64_t windows = memory_needed(options.host.model, options.engine, 0, 1).kv;
  for (const int ranks : {1, 3}) {
    with_engine(ranks, options, [&](Engine& engine) {
      for (const RankReport& report : engine.reports())
        EXPECT_EQ(memory_needed(options.host.model, options.engine, report.rank, ranks).kv, report.kv_bytes);
    });
  }
  options.engine.sequences = 8;  // whose windows would take more than all pages
  // One of three layers has all of the eight pages; the others have two for each sequence and two for a
  // prefix.
  EXPECT_EQ(windows, memory_needed(options.host.model, options.engine, 0, 1).kv / (3 * 8) * (8 + 2 * 6));
}

TEST(Worker, RefusesAStepThatItsCachesCannotHold) {
  RankOptions options = demo_options();
  options.engine.context = 100;
  options.engine.prefill_chunk = 10;
  options.engine.sequences = 2;
  comm::SoloComm comm;
  Worker worker(placed(options, comm), comm, [](std::uint64_t, std::uint64_t) {});
  const auto start = [&](std::int32_t slot, std::int32_t page, std::int32_t tokens) {
    model::Batch batch;
    batch.add_sequence(slot, {page});
    for (std::int32_t i = 0; i < tokens; ++i) batch.add(5, i, 0);
    return error_of([&] { worker.start_step(batch); });
  };
  EXPECT_EQ(start(1, 1, 10), "");
  EXPECT_EQ(start(2, 1, 10), "a batch has slot 2 of 2");
  EXPECT_EQ(start(1, 2, 10), "a batch has page 2 of 2");
  EXPECT_EQ(start(1, 1, 11), "a batch has 11 tokens, but a step at most 10");
}

/// The logits of a prompt, and what the ranks told.
struct Prompted {
  std::vector<float> logits;
  std::vector<RankReport> reports;
};

Prompted run(int ranks, const RankOptions& options) {
  Prompted found;
  with_engine(ranks, options, [&](Engine& engine) {
    Request logits = request(1, prompt, 0);
    logits.report = PromptReport::logits;
    engine.submit(std::move(logits));
    found.logits = drain(engine)[1].logits;
    found.reports = engine.reports();
  });
  return found;
}

std::uint64_t sum(const Prompted& run, std::uint64_t RankReport::*bytes) {
  std::uint64_t total = 0;
  for (const RankReport& report : run.reports) total += report.*bytes;
  return total;
}

TEST(WorkersCache, GivesTheSameLogitsAsTheFileOnAnyNumberOfRanks) {
  for (const int ranks : {1, 2, 3, 4}) {
    const ScratchFolder folder;
    RankOptions options = demo_options();
    options.host.threads = 2;
    const Prompted plain = run(ranks, options);
    options.host.cache_dir = folder.path();
    const Prompted first = run(ranks, options), second = run(ranks, options);
    ASSERT_FALSE(plain.logits.empty());
    EXPECT_EQ(first.logits, plain.logits);
    EXPECT_EQ(second.logits, plain.logits);
    EXPECT_EQ(sum(plain, &RankReport::cache_written_bytes), 0u);
    EXPECT_GT(sum(first, &RankReport::cache_written_bytes), 0u);
    EXPECT_EQ(sum(first, &RankReport::cache_read_bytes), 0u);
    EXPECT_EQ(sum(second, &RankReport::cache_written_bytes), 0u);
    EXPECT_GT(sum(second, &RankReport::cache_read_bytes), 0u);
    for (const RankReport& report : second.reports) EXPECT_TRUE(report.notices.empty());
  }
}

TEST(WorkersCache, ThatIsDamagedOnOneRankIsReportedByThatRankAndRepaired) {
  const ScratchFolder folder;
  RankOptions options = demo_options();
  options.host.cache_dir = folder.path();
  const Prompted first = run(3, options);
  for (const shards::CachedShard& shard : shards::cached_shards(folder.path())) {
    if (shard.path.string().find(".1-of-3") == std::string::npos) continue;
    std::string bytes = read_file(shard.path);
    bytes.back() ^= 1;
    write_file(shard.path, bytes);
  }
  const Prompted second = run(3, options), third = run(3, options);
  EXPECT_EQ(second.logits, first.logits);
  for (const RankReport& report : second.reports)
    EXPECT_EQ(report.notices.size(), report.rank == 1 ? 1u : 0u);
  EXPECT_GT(second.reports[1].cache_written_bytes, 0u);
  EXPECT_EQ(third.logits, first.logits);
  EXPECT_EQ(sum(third, &RankReport::cache_written_bytes), 0u);
}

TEST(WorkersCache, CountsItsBytesAsProgress) {
  const ScratchFolder folder;
  RankOptions options = demo_options();
  options.host.cache_dir = folder.path();
  for (const char* start : {"first", "second"}) {
    std::uint64_t last = 0, all = 0;
    comm::SoloComm comm;
    lead(placed(options, comm), comm, [&](std::uint64_t done, std::uint64_t total) {
      EXPECT_GE(done, last) << start;
      EXPECT_LE(done, total) << start;
      last = done;
      all = total;
    });
    EXPECT_GT(all, 0u);
    EXPECT_EQ(last, all) << start;
  }
}

TEST(WorkersCache, IsNotUsedWhereNothingIsPacked) {
  const ScratchFolder folder;
  RankOptions options = demo_options();
  options.host.cache_dir = folder.path();
  options.engine.activations = kernels::ActivationType::f32;
  run(2, options);
  EXPECT_TRUE(folder.empty());
}

TEST(WorkersOverlap, GivesTheSameLogitsAndTokensOnAnyNumberOfRanks) {
  std::vector<Token> text;
  for (Token i = 0; i < 300; ++i) text.push_back(i * 37 % 2000);
  const auto run_text = [&](int ranks, Overlap overlap) {
    RankOptions options = demo_options();
    options.host.threads = 2;
    options.engine.prefill_chunk = 200;
    options.engine.overlap = overlap;
    std::pair<std::vector<float>, std::vector<Token>> found;
    with_engine(ranks, options, [&](Engine& engine) {
      Request logits = request(1, text, 0);
      logits.report = PromptReport::logits;
      engine.submit(std::move(logits));
      engine.submit(request(2, text, 5));
      auto answers = drain(engine);
      found = {answers[1].logits, answers[2].tokens};
    });
    return found;
  };
  for (const int ranks : {1, 2, 3, 4}) {
    const auto expected = run_text(ranks, Overlap::off);
    ASSERT_EQ(expected.second.size(), 5U);
    EXPECT_EQ(run_text(ranks, Overlap::on), expected) << ranks;
  }
}

}  // namespace
}  // namespace yoke::runtime
