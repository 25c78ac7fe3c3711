// The gated delta rule beside what every golden family is held to: older files, whose queries, keys, values
// and gates are one tensor; sequences that share a step and take each other's slots; quantised weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "comm/solo.h"
#include "common/error_of.h"
#include "model/config_metadata.h"
#include "model/edited_model.h"
#include "model/quantize.h"
#include "model/reads.h"
#include "model/run_model.h"
#include "model/synth.h"

namespace yoke::model {
namespace {

constexpr std::size_t vocabulary = 320;

std::vector<float> golden() {
  return read_floats(std::filesystem::path(YOKE_TEST_DATA) / "golden" / "qwen3next.f32");
}

TEST(GoldenDelta, OlderFilesWithOneTensorForAllGiveTheReferencesLogits) {
  const std::vector<std::int32_t> tokens = golden_tokens();
  for (const int ranks : {1, 2, 3, 4, 5, 8}) {
    const auto run = [&](std::size_t chunk) {
      return run_batches(tiny_model("qwen3next-joined"), ranks, in_chunks(tokens, chunk), 1,
                         equal_shares(ranks));
    };
    const std::vector<float> whole = run(tokens.size());
    EXPECT_LT(normalised_error(whole, golden()), 1e-8) << ranks << " ranks";
    EXPECT_TRUE(same_bits(run(5), whole)) << ranks << " ranks";
  }
}

TEST(GoldenDelta, UnequalSharesAndMoreRanksThanHeadsGiveTheReferencesLogits) {
  for (const std::vector<double>& shares : {std::vector<double>{5, 1, 2}, equal_shares(11)}) {
    const std::vector<float> logits = run_batches(tiny_model("qwen3next"), static_cast<int>(shares.size()),
                                                  in_chunks(golden_tokens(), 16), 1, shares);
    EXPECT_LT(normalised_error(logits, golden()), 1e-8) << shares.size() << " ranks";
  }
}

TEST(GoldenDelta, ThreadsDoNotChangeABit) {
  const auto run = [&](int threads) {
    return run_batches(tiny_model("qwen3next"), 2, in_chunks(golden_tokens(), 16), 1, equal_shares(2),
                       threads);
  };
  EXPECT_TRUE(same_bits(run(3), run(1)));
}

TEST(GoldenDelta, SequencesThatTakeTurnsInTwoSlotsAreTheSameBitsAsEachAlone) {
  // Five sequences of 10 to 70 tokens; whichever ends leaves its slot and its pages to the next.
  std::mt19937 random(20261123);
  std::vector<std::vector<std::int32_t>> sequences(5);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    sequences[i].resize(10 + 15 * i);
    for (std::int32_t& token : sequences[i]) token = static_cast<std::int32_t>(random() % vocabulary);
  }
  struct Running {
    std::size_t sequence, next;
  };
  std::vector<Running> slots{{0, 0}, {1, 0}};
  std::size_t waiting = 2;
  std::vector<Batch> batches;
  std::vector<std::pair<std::size_t, std::size_t>> order;  // sequence and position of every row of logits
  for (bool more = true; more;) {
    Batch batch;
    for (std::int32_t slot : {1, 0}) {
      const std::int32_t first_page = 2 * slot;
      batch.add_sequence(slot, {first_page, first_page + 1});
    }
    for (int i = 0; i < 9; ++i) {
      const std::size_t slot = random() % 2;
      Running& running = slots[slot];
      const auto& tokens = sequences[running.sequence];
      if (running.next == tokens.size()) continue;
      batch.add(tokens[running.next], static_cast<std::int32_t>(running.next), slot == 1 ? 0 : 1);
      batch.want({.want = Want::logits});
      order.emplace_back(running.sequence, running.next++);
    }
    if (batch.size() > 0) batches.push_back(std::move(batch));
    more = false;
    for (Running& running : slots) {
      if (running.next == sequences[running.sequence].size() && waiting < sequences.size())
        running = {waiting++, 0};
      more |= running.next < sequences[running.sequence].size();
    }
  }
  for (const int ranks : {1, 2, 3, 4}) {
    const std::vector<float> mixed =
        run_batches(tiny_model("qwen3next"), ranks, batches, 4, equal_shares(ranks));
    std::vector<std::vector<float>> alone;
    for (const auto& tokens : sequences) {
      alone.push_back(run_batches(tiny_model("qwen3next"), ranks, in_chunks(tokens, tokens.size()), 2,
                                  equal_shares(ranks)));
    }
    ASSERT_EQ(mixed.size(), order.size() * vocabulary);
    std::size_t different = 0;
    for (std::size_t row = 0; row < order.size(); ++row) {
      const auto [sequence, position] = order[row];
      different +=
          std::memcmp(mixed.data() + row * vocabulary, alone[sequence].data() + position * vocabulary,
                      vocabulary * sizeof(float)) != 0
              ? 1
              : 0;
    }
    EXPECT_EQ(different, 0) << "rows of logits, on " << ranks << " ranks";
  }
}

TEST(GoldenDelta, EveryRowOfTensorsThatSeveralEntriesTakeRowsOfGoesToOneOfThemOnOneRank) {
  for (const char* name : {"qwen3next", "qwen3next-joined"}) {
    const gguf::Model file = gguf::Model::open(tiny_model(name));
    const Config config = read_config(file);
    const auto family = make_family(config);
    const std::vector<TensorEntry> table = family->tensors();
    for (const int ranks : {1, 2, 3, 4, 5, 8}) {
      const Partition partition(config, table, file, equal_shares(ranks));
      std::map<std::string, std::multiset<std::int64_t>> rows;
      for (const TensorEntry& entry : table) {
        if (entry.split.segments.empty() || entry.split.segments.front().stride == 0) continue;
        for (int rank = 0; rank < ranks; ++rank) {
          for (const Range& run : part(entry, partition, rank).rows) {
            for (std::int64_t row = run.begin; row < run.end; ++row) rows[entry.name].insert(row);
          }
        }
      }
      // Queries of the one layer that attends; in older files, what recurrent layers are given.
      EXPECT_EQ(rows.size(), std::string_view(name) == "qwen3next" ? 1 : 5);
      for (const auto& [tensor, taken] : rows) {
        ASSERT_EQ(std::ssize(taken), file.find(tensor)->shape[0]) << tensor << " on " << ranks << " ranks";
        std::int64_t next = 0;
        for (const std::int64_t row : taken) ASSERT_EQ(row, next++) << tensor << " on " << ranks << " ranks";
      }
    }
  }
}

TEST(GoldenDelta, TheMetadataReadBackAreTheSameConfig) {
  const Config config = read_config(gguf::Model::open(tiny_model("qwen3next")));
  EXPECT_EQ(config.delta.k_heads, 4);
  EXPECT_EQ(config.delta.group, 2);
  EXPECT_EQ(config.delta.k_dim, 16);
  EXPECT_EQ(config.delta.v_dim, 16);
  EXPECT_EQ(config.delta.taps, 4);
  EXPECT_FALSE(config.delta.joined);
  const EditedModel model([&](Draft& draft) { draft.metadata = config_metadata(config); }, "qwen3next");
  const Config read = read_config(model.open());
  EXPECT_EQ(read.delta.k_heads, config.delta.k_heads);
  EXPECT_EQ(read.delta.group, config.delta.group);
  EXPECT_EQ(read.delta.k_dim, config.delta.k_dim);
  EXPECT_EQ(read.delta.v_dim, config.delta.v_dim);
  EXPECT_EQ(read.delta.taps, config.delta.taps);
  ASSERT_EQ(read.n_layers(), 5);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(config.layers[i].recurrent, i != 3);  // all but every fourth, as the file says
    EXPECT_EQ(read.layers[i].recurrent, i != 3);    // as the list says
  }
}

TEST(GoldenDelta, RefusesWhatCannotBe) {
  const auto error = [](const std::string& key, const gguf::Value& value) {
    const EditedModel model([&](Draft& draft) { draft.metadata.set("qwen3next." + key, value); },
                            "qwen3next");
    return error_of([&] {
      const gguf::Model file = model.open();
      const Config config = read_config(file);
      const auto family = make_family(config);
      ThreadPool pool(1);
      comm::SoloComm comm;
      const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm, {});
      check_tensors(file, config, family->tensors(), *ops);
    });
  };
  using testing::HasSubstr;
  const auto number = [](std::uint64_t n) { return gguf::Value(n); };
  EXPECT_THAT(error("ssm.time_step_rank", number(6)), HasSubstr("6 value heads"));
  EXPECT_THAT(error("ssm.inner_size", number(129)), HasSubstr("129, which 8 value heads do not divide"));
  EXPECT_THAT(error("ssm.conv_kernel", number(0)), HasSubstr("ssm.conv_kernel is 0"));
  EXPECT_THAT(error("ssm.conv_kernel", number(3)), HasSubstr("blk.0.ssm_conv1d.weight"));
  EXPECT_THAT(error("ssm.state_size", number(32)), HasSubstr("blk.0.attn_qkv.weight"));
  EXPECT_THAT(error("full_attention_interval", number(2)), HasSubstr("blk.1.attn_q"));
  EXPECT_THAT(error("attention.recurrent_layers", std::vector<bool>{true, false}),
              HasSubstr("expected true or false for each of 5 layers"));
  EXPECT_THAT(error("attention.recurrent_layers", number(3)), HasSubstr("expected true or false"));
}

TEST(GoldenDelta, ALayersStatesTakeTheBytesOfTheirSlotsOnTheRankThatOwnsTheHeads) {
  const gguf::Model file = gguf::Model::open(tiny_model("qwen3next"));
  const Config config = read_config(file);
  const auto family = make_family(config);
  const std::vector<TensorEntry> table = family->tensors();
  ThreadPool pool(1);
  comm::SoloComm comm;
  const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm, exact_arithmetic);
  // Of a key head, 16 + 16 + 2 · 16 channels of which 3 inputs are kept, and two matrices of 16 × 16; there
  // are 4 recurrent layers. The one that attends keeps 64 positions of 4 KV heads in a page.
  const std::uint64_t key_head = 4 * 4 * (3 * 64 + 2 * 16 * 16);
  const std::uint64_t kv_head_page = 4 * 64 * (32 + 32);
  for (const int ranks : {1, 2, 4, 5}) {
    const Partition partition(config, table, file, equal_shares(ranks));
    std::uint64_t states = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      states += kv_bytes(config, partition, rank, {.pages = 0, .slots = 3, .step_tokens = 1}, *ops);
      if (ranks > 4) continue;  // where KV heads are replicated
      EXPECT_EQ(kv_bytes(config, partition, rank, {.pages = 5, .slots = 0, .step_tokens = 1}, *ops),
                5 * kv_head_page * 4 / static_cast<std::uint64_t>(ranks));
    }
    EXPECT_EQ(states, 3 * 4 * key_head) << ranks << " ranks";
    EXPECT_THAT(partition.describe(0),
                testing::HasSubstr(fmt::format("delta heads 0-{} of 4, ", ranks == 1   ? 3
                                                                          : ranks == 2 ? 1
                                                                                       : 0)));
  }
  const TokenReads reads = token_reads(file, config, table, *ops);
  EXPECT_EQ(reads.kv_of_near_position(), 4 * kv_head_page / 64);
  EXPECT_EQ(reads.states, 2 * 4 * key_head);  // read and written
}

/// Beside `from`, with its matrices in another format.
std::filesystem::path quantised(const std::filesystem::path& from, quant::Type type) {
  std::filesystem::path path = from;
  path += fmt::format(".{}", quant::format(type).name);
  ThreadPool pool(1);
  const gguf::Model file = gguf::Model::open(from);
  quantize(file, plan_quantize(file, {.matrices = type, .output = {}, .embedding = {}}), path, pool,
           [](std::uint64_t) {});
  return path;
}

TEST(GoldenDelta, QuantisedWeightsGiveTheLogitsOfTheirDecodedOnesOnAnyNumberOfRanks) {
  // Every token goes to all experts: a choice between two that are nearly as good would hide what rounding
  // does.
  const EditedModel model(
      [](Draft& draft) { draft.metadata.set("qwen3next.expert_used_count", std::uint64_t{8}); }, "qwen3next");
  const std::filesystem::path path = quantised(model.path(), quant::Type::q8_0);
  const std::filesystem::path decoded = quantised(path, quant::Type::f32);
  EXPECT_EQ(gguf::Model::open(path).find("blk.0.ssm_out.weight")->type, quant::Type::q8_0);
  EXPECT_EQ(gguf::Model::open(path).find("blk.0.ssm_conv1d.weight")->type, quant::Type::f32);
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 16);
  const std::vector<float> expected = run_batches(decoded, 1, batches, 1, equal_shares(1));
  for (const int ranks : {1, 2, 3, 5})
    EXPECT_LT(normalised_error(run_batches(path, ranks, batches, 1, equal_shares(ranks)), expected), 1e-10);
  std::filesystem::remove(path);
  std::filesystem::remove(decoded);
}

TEST(GoldenDelta, RandomModelsHaveEveryTensorOnceAndStatesThatStayFinite) {
  const Config config = read_config(gguf::Model::open(tiny_model("qwen3next")));
  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / fmt::format("GoldenDelta.Random.{}.gguf", getpid());
  ThreadPool pool(1);
  SynthOptions options;
  options.matrices = quant::Type::q8_0;
  write_random_model(path, config, {}, options, pool, [](std::uint64_t, std::uint64_t) {});
  std::vector<std::int32_t> tokens(500);
  std::mt19937 random(7);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random() % vocabulary);
  const std::vector<float> logits = run_batches(path, 1, in_chunks(tokens, 100), 8, equal_shares(1));
  EXPECT_TRUE(std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace yoke::model
