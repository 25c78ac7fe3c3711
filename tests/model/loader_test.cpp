#include "model/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fstream>

#include "comm/solo.h"
#include "model/edited_model.h"
#include "model/random_model.h"

namespace yoke::model {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr ops::CacheSize two_pages{.pages = 2, .slots = 1, .step_tokens = 1};

std::string check_error(const std::function<void(Draft&)>& edit) {
  const EditedModel model(edit);
  return error_of([&] { run_batches(model.path(), 1, {}, 1, equal_shares(1)); });
}

TEST(CheckTensors, AcceptsTheModelAsItIs) {
  EXPECT_EQ(check_error([](Draft&) {}), "");
}

TEST(CheckTensors, NamesAMissingTensorAndItsShape) {
  EXPECT_THAT(
      check_error([](Draft& draft) { draft.remove("blk.1.attn_k.weight"); }),
      HasSubstr("tensor 'blk.1.attn_k.weight' of shape (128, 128) is missing; a llama model needs it"));
}

TEST(CheckTensors, NamesBothShapesWhereTheyDiffer) {
  EXPECT_THAT(check_error([](Draft& draft) {
                draft.tensor("blk.2.ffn_up.weight").shape = {192, 128};
              }),
              AllOf(HasSubstr("'blk.2.ffn_up.weight' has shape (192, 128)"), HasSubstr("(256, 128)")));
}

TEST(CheckTensors, RefusesATensorItWouldIgnore) {
  EXPECT_THAT(check_error([](Draft& draft) {
                draft.tensors.push_back({"blk.0.attn_q_norm.weight", quant::Type::f32, {32}});
              }),
              HasSubstr("tensor 'blk.0.attn_q_norm.weight' of shape (32) is unknown to the llama family"));
}

TEST(CheckTensors, RefusesAFormatItCannotMultiply) {
  EXPECT_THAT(check_error([](Draft& draft) { draft.tensor("blk.0.attn_q.weight").type = quant::Type::i32; }),
              AllOf(HasSubstr("'blk.0.attn_q.weight'"), HasSubstr("I32")));
}

TEST(CheckTensors, RefusesALayerForDraftsThatIsNone) {
  // A layer of the model must not be left out because the file counts one too many.
  EXPECT_THAT(
      check_error([](Draft& draft) { draft.metadata.set("llama.nextn_predict_layers", std::uint64_t{1}); }),
      HasSubstr(".gguf: llama.nextn_predict_layers is 1, but layer 2, which would be for drafts, has a "
                "tensor 'blk.2.attn_norm.weight' and none that begins with 'blk.2.nextn.'"));
}

TEST(CheckTensors, RefusesAnOptionalTensorThatOneLayerHasLost) {
  const EditedModel model([](Draft& draft) { draft.remove("blk.1.exp_probs_b.bias"); }, "deepseek2");
  EXPECT_THAT(error_of([&] { run_batches(model.path(), 1, {}, 1, equal_shares(1)); }),
              HasSubstr(".gguf: tensor 'blk.1.exp_probs_b.bias' of shape (8) is missing; the model needs it, "
                        "as it has 'blk.2.exp_probs_b.bias'"));
}

TEST(Load, RefusesDivisorsOfARotationThatDivideNothing) {
  for (const float divisor :
       {0.0f, -1.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    const EditedModel model(
        [&](Draft& draft) {
          draft.data["rope_freqs.weight"].assign(16, 1);
          draft.data["rope_freqs.weight"][3] = divisor;
        },
        "llama-rope3");
    EXPECT_THAT(error_of([&] { run_batches(model.path(), 1, {}, 1, equal_shares(1)); }),
                HasSubstr(fmt::format(".gguf: value 3 of tensor 'rope_freqs.weight' is {}; expected positive "
                                      "numbers",
                                      divisor)));
  }
}

TEST(Load, RefusesOneOfTwoSetsOfDivisors) {
  for (const std::string lost : {"short", "long"}) {
    const EditedModel model([&](Draft& draft) { draft.remove(fmt::format("rope_factors_{}.weight", lost)); },
                            "phi3-long");
    EXPECT_THAT(error_of([&] { run_batches(model.path(), 1, {}, 1, equal_shares(1)); }),
                HasSubstr(fmt::format(".gguf: tensor 'rope_factors_{}.weight' is missing", lost)));
  }
}

TEST(Load, TakesTheNameOfLongRopeForWhatItsDivisorsSayAnyway) {
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 48);
  for (const std::uint64_t original_context : {32, 4096}) {  // texts are longer, and shorter
    const auto logits = [&](bool named) {
      const EditedModel model(
          [&](Draft& draft) {
            draft.metadata.set("phi3.rope.scaling.original_context_length", original_context);
            if (!named) return;
            draft.metadata.set("phi3.rope.scaling.type", std::string("longrope"));
            draft.metadata.set("phi3.rope.scaling.factor", 8.0);  // stretches nothing besides
          },
          "phi3-long");
      return run_batches(model.path(), 2, batches, 1, equal_shares(2));
    };
    EXPECT_TRUE(same_bits(logits(true), logits(false))) << original_context;
  }
}

TEST(Load, RefusesLongRopeWithoutItsDivisors) {
  const EditedModel model(
      [](Draft& draft) { draft.metadata.set("phi3.rope.scaling.type", std::string("longrope")); }, "phi3");
  EXPECT_THAT(error_of([&] { run_batches(model.path(), 1, {}, 1, equal_shares(1)); }),
              HasSubstr(".gguf: tensor 'rope_factors_short.weight' of shape (8) is missing"));
}

TEST(MakeFamily, RefusesLongRopeInFamiliesWithoutSuchDivisors) {
  const EditedModel model(
      [](Draft& draft) { draft.metadata.set("llama.rope.scaling.type", std::string("longrope")); });
  EXPECT_THAT(
      error_of([&] { make_family(read_config(model.open())); }),
      HasSubstr(".gguf: llama.rope.scaling.type is 'longrope', but models of this family have no such "
                "factors"));
}

TEST(MakeFamily, RefusesAnUnknownArchitectureAndListsTheKnown) {
  Config config;
  config.architecture = "gpt5";
  EXPECT_THAT(error_of([&] { make_family(config); }), AllOf(HasSubstr("'gpt5'"), HasSubstr("llama")));
}

TEST(Load, TiedOutputIsTheEmbedding) {
  // The output matrix removed, and the same matrix given twice, are the same model.
  const gguf::Model tiny = gguf::Model::open(tiny_model("llama"));
  const EditedModel tied([](Draft& draft) { draft.remove("output.weight"); });
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 48);
  const std::vector<float> logits = run_batches(tied.path(), 3, batches, 1, equal_shares(3));
  EXPECT_EQ(logits, run_batches(tied.path(), 3, batches, 1, equal_shares(3), 2));
  EXPECT_LT(normalised_error(logits, run_batches(tied.path(), 1, batches, 1, equal_shares(1))), 1e-10);
  EXPECT_GT(normalised_error(logits, run_batches(tiny_model("llama"), 1, batches, 1, equal_shares(1))), 0.1);
}

/// A bias per row of `matrix` in the second layer, different for each; zeros in the others.
void add_bias(Draft& draft, const std::string& matrix) {
  for (int layer = 0; layer < 3; ++layer) {
    const std::string name = fmt::format("blk.{}.{}", layer, matrix);
    const std::int64_t rows = draft.tensor(name + ".weight").shape[0];
    std::vector<float> values;
    for (std::int64_t i = 0; i < rows; ++i)
      values.push_back(layer == 1 ? 0.3f * std::sin(static_cast<float>(i * i + rows)) : 0);
    draft.tensors.push_back({name + ".bias", quant::Type::f32, {rows}});
    draft.data[name + ".bias"] = values;
  }
}

TEST(Load, BiasesMoveTheLogitsAndAreSplitLikeTheirRows) {
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 48);
  const std::vector<float> plain = run_batches(tiny_model("llama"), 1, batches, 1, equal_shares(1));
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"}) {
    const EditedModel biased([&](Draft& draft) { add_bias(draft, name); });
    const std::vector<float> one = run_batches(biased.path(), 1, batches, 1, equal_shares(1));
    EXPECT_GT(normalised_error(one, plain), 1e-5) << name;
    for (const int ranks : {3, 5}) {
      EXPECT_LT(normalised_error(run_batches(biased.path(), ranks, batches, 1, equal_shares(ranks)), one),
                1e-10)
          << name << " on " << ranks << " ranks";
    }
  }
}

TEST(Load, AValueBiasIsAConstantAddedToTheAttendedValues) {
  // Attention weights sum to one, so a bias of the values equals one of the output: W·(a + b) = W·a + W·b.
  const gguf::Model tiny = gguf::Model::open(tiny_model("llama"));
  const auto decode = [&](const std::string& name) {
    const gguf::TensorInfo& info = *tiny.find(name);
    std::vector<float> values(static_cast<std::size_t>(info.values()));
    quant::format(info.type).dequantize(tiny.read(info), values);
    return values;
  };
  const EditedModel of_values([](Draft& draft) { add_bias(draft, "attn_v"); });
  const EditedModel of_output([&](Draft& draft) {
    add_bias(draft, "attn_v");
    const std::vector<float> v =
        draft.data["blk.1.attn_v.bias"];  // 4 KV heads of 32; two query heads read each
    for (int layer = 0; layer < 3; ++layer) draft.remove(fmt::format("blk.{}.attn_v.bias", layer));
    add_bias(draft, "attn_output");
    const std::vector<float> w = decode("blk.1.attn_output.weight");  // (128, 256)
    std::vector<float> out(128);
    for (std::size_t r = 0; r < 128; ++r) {
      double sum = 0;
      for (std::size_t c = 0; c < 256; ++c) {
        sum += static_cast<double>(w[r * 256 + c]) * static_cast<double>(v[c / 64 * 32 + c % 32]);
      }
      out[r] = static_cast<float>(sum);
    }
    draft.data["blk.1.attn_output.bias"] = out;
  });
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 48);
  EXPECT_LT(normalised_error(run_batches(of_values.path(), 3, batches, 1, equal_shares(3)),
                             run_batches(of_output.path(), 1, batches, 1, equal_shares(1))),
            1e-10);
}

TEST(Load, ProgressEndsAtTheBytesOfTheShare) {
  const gguf::Model file = gguf::Model::open(tiny_model("llama"));
  const Config config = read_config(file);
  const auto family = make_family(config);
  const std::vector<TensorEntry> table = family->tensors();
  ThreadPool pool(1);
  comm::SoloComm comm;
  const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm);
  const Partition partition(config, table, file, equal_shares(3));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
  load_tensors(file, table, partition, 1, *ops,
               [&](std::uint64_t done, std::uint64_t total) { seen.emplace_back(done, total); });
  const std::uint64_t bytes = weight_bytes(file, table, partition, 1);
  EXPECT_EQ(seen.front(), std::pair(std::uint64_t{0}, bytes));
  EXPECT_EQ(seen.back(), std::pair(bytes, bytes));
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

/// What each of `ranks` ranks says that opens `path` and loads its share after `between`, with two threads.
std::vector<std::string> load_errors(const std::filesystem::path& path, int ranks,
                                     const std::function<void()>& between) {
  std::vector<gguf::Model> files;
  for (int rank = 0; rank < ranks; ++rank) files.push_back(gguf::Model::open(path));
  between();
  std::vector<std::string> errors(static_cast<std::size_t>(ranks));
  comm::run_ranks(ranks, [&](comm::Comm& comm) {
    const auto rank = static_cast<std::size_t>(comm.rank());
    const gguf::Model& file = files[rank];
    ThreadPool pool(2);
    const Config config = read_config(file);
    const auto family = make_family(config);
    const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm);
    const std::vector<TensorEntry> table = family->tensors();
    const Partition partition(config, table, file, equal_shares(ranks));
    errors[rank] = error_of([&] {
      load_tensors(file, table, partition, comm.rank(), *ops, [](std::uint64_t, std::uint64_t) {});
    });
  });
  return errors;
}

TEST(Load, AFileThatShrinksAfterItWasOpenedIsASentenceOnEveryRank) {
  for (const int ranks : {1, 2, 3}) {
    const EditedModel model([](Draft&) {});
    const std::uint64_t size = std::filesystem::file_size(model.path());
    const std::uint64_t left = size / 3;
    for (const std::string& error :
         load_errors(model.path(), ranks, [&] { std::filesystem::resize_file(model.path(), left); })) {
      EXPECT_EQ(error, fmt::format("{}: has shrunk since it was opened: expected {} bytes, found {}",
                                   model.path().string(), size, left));
    }
  }
}

TEST(Load, AFileThatIsWrittenToAfterItWasOpenedIsASentenceOnEveryRank) {
  const EditedModel model([](Draft&) {});
  const auto write = [&] {
    std::fstream file(model.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-4, std::ios::end);
    file << "abcd";
    file.close();
    // A clock tick may not have passed since the file was made.
    std::filesystem::last_write_time(
        model.path(), std::filesystem::last_write_time(model.path()) + std::chrono::seconds(1));
  };
  for (const std::string& error : load_errors(model.path(), 3, write))
    EXPECT_THAT(error, HasSubstr(model.path().string() + ": was written to while it was being read"));
}

TEST(Load, AFileThatIsReplacedAfterItWasOpenedIsLoadedAsItWas) {
  const EditedModel model([](Draft&) {});
  const auto replace = [&] {
    std::filesystem::path other = model.path();
    other += ".new";
    std::ofstream(other) << "GGUF no more";
    std::filesystem::rename(other, model.path());
  };
  EXPECT_EQ(load_errors(model.path(), 2, replace), (std::vector<std::string>(2)));
}

TEST(Load, AnExceptionOfTheProgressEndsIt) {
  const gguf::Model file = gguf::Model::open(tiny_model("llama"));
  const Config config = read_config(file);
  const auto family = make_family(config);
  const std::vector<TensorEntry> table = family->tensors();
  ThreadPool pool(2);
  comm::SoloComm comm;
  const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm);
  const Partition partition(config, table, file, equal_shares(1));
  int calls = 0;
  EXPECT_EQ(error_of([&] {
              load_tensors(file, table, partition, 0, *ops, [&](std::uint64_t done, std::uint64_t) {
                ++calls;
                if (done > 0) fail("rank 1 was lost");
              });
            }),
            "rank 1 was lost");
  EXPECT_LE(calls, 3);
}

TEST(Memory, SharesOfTheWeightsAddUpToTheFileAndWhatIsReplicated) {
  const gguf::Model file = gguf::Model::open(tiny_model("llama"));
  const Config config = read_config(file);
  const auto family = make_family(config);
  const std::vector<TensorEntry> table = family->tensors();
  const Partition one(config, table, file, equal_shares(1));
  std::uint64_t all = 0;
  for (const gguf::TensorInfo& tensor : file.tensors()) all += tensor.bytes;
  EXPECT_EQ(weight_bytes(file, table, one, 0), all);
  const Partition four(config, table, file, equal_shares(4));
  std::uint64_t sum = 0;
  for (int rank = 0; rank < 4; ++rank) sum += weight_bytes(file, table, four, rank);
  const std::uint64_t norms = 7 * 128 * sizeof(float);
  const std::uint64_t embedding = 320 * 128 * sizeof(float);
  EXPECT_EQ(sum, all + 3 * (norms + embedding));
  ThreadPool pool(1);
  comm::SoloComm comm;
  const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm);
  EXPECT_EQ(kv_bytes(config, one, 0, two_pages, *ops), 3 * 4 * 128 * (32 + 32) * 2);
  const auto exact = ops::cpu::make_ops(kernels::best(), pool, comm, {.kv_type = kernels::KvType::f32});
  EXPECT_EQ(kv_bytes(config, one, 0, two_pages, *exact), 3 * 4 * 128 * (32 + 32) * sizeof(float));
  EXPECT_EQ(kv_bytes(config, one, 0, {.pages = std::numeric_limits<std::int64_t>::max()}, *ops),
            std::numeric_limits<std::uint64_t>::max());
}

/// One layer of Q4_K whose attn_output and ffn_down have rows of two blocks of 256, in heads of 64.
const Shape two_blocks{"llama",           256, {8}, {8}, {512}, 64, 64, 64, false, {quant::Type::q4_k},
                       {quant::Type::f32}};

TEST(Memory, BlocksThatRanksCutCountForEachOfThem) {
  const RandomModel model(two_blocks);
  const gguf::Model file = gguf::Model::open(model.path());
  const Config config = read_config(file);
  const auto family = make_family(config);
  const std::vector<TensorEntry> table = family->tensors();
  ThreadPool pool(1);
  comm::SoloComm comm;
  const auto panels = ops::cpu::make_ops(kernels::best(), pool, comm);
  const auto exact = ops::cpu::make_ops(kernels::best(), pool, comm, exact_arithmetic);
  const std::uint64_t block = quant::format(quant::Type::q4_k).block_bytes,
                      factors = 2 * sizeof(std::uint16_t);
  const auto sums = [&](int ranks) {
    const Partition partition(config, table, file, equal_shares(ranks));
    std::array<std::uint64_t, 3> all{};
    for (int rank = 0; rank < ranks; ++rank) {
      all[0] += weight_bytes(file, table, partition, rank);
      all[1] += memory_need(file, config, table, partition, rank, {{1, 1, 1}, 1}, *exact).weights;
      all[2] += memory_need(file, config, table, partition, rank, {{1, 1, 1}, 1}, *panels).weights;
    }
    return all;
  };
  // Whole on every rank: three norms, the embedding and the biases of what adds to the residual. A rank of
  // eight has a quarter of a block of each row of attn_output and ffn_down.
  const auto one = sums(1), two = sums(2), eight = sums(8);
  const std::uint64_t replicated = two[0] - one[0];
  EXPECT_EQ(eight[0], one[0] + 7 * replicated + std::uint64_t{2} * 256 * 6 * block);
  EXPECT_EQ(eight[1], eight[0]);
  EXPECT_EQ(two[2] - one[2], replicated);
  // Packed, they have the factors of the block, and no more.
  EXPECT_EQ(eight[2], one[2] + 7 * replicated + std::uint64_t{2} * 256 * 6 * factors);
}

TEST(Memory, ScratchOfTheLargestStepIsWithinItsEstimateWhereRanksCutBlocks) {
  const RandomModel model(two_blocks);
  const gguf::Model file = gguf::Model::open(model.path());
  comm::run_ranks(8, [&](comm::Comm& comm) {
    ThreadPool pool(2);
    const Config config = read_config(file);
    const auto family = make_family(config);
    const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm, exact_arithmetic);
    const std::vector<TensorEntry> table = family->tensors();
    const Partition partition(config, table, file, equal_shares(8));
    load_tensors(file, table, partition, comm.rank(), *ops, [](std::uint64_t, std::uint64_t) {});
    family->prepare(*ops, partition, comm.rank(), {8, 1, 500});
    const std::vector<Batch> batches = in_chunks(std::vector<std::int32_t>(500, 7), 500);
    forward(*family, *ops, partition, comm, batches[0]);
    EXPECT_LE(ops->activation_bytes(),
              memory_need(file, config, table, partition, comm.rank(), {{8, 1, 500}, 32}, *ops).scratch);
  });
}

TEST(Memory, ScratchOfTheLargestStepIsWithinItsEstimate) {
  for (const char* name : {"llama", "deepseek2"}) {
    const gguf::Model file = gguf::Model::open(tiny_model(name));
    for (const int ranks : {1, 3, 8}) {
      for (const int tokens : {1, 48, 500}) {
        comm::run_ranks(ranks, [&](comm::Comm& comm) {
          ThreadPool pool(3);
          const Config config = read_config(file);
          const auto family = make_family(config);
          const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm);
          const std::vector<TensorEntry> table = family->tensors();
          const Partition partition(config, table, file, equal_shares(ranks));
          load_tensors(file, table, partition, comm.rank(), *ops, [](std::uint64_t, std::uint64_t) {});
          family->prepare(*ops, partition, comm.rank(), {8, 1, tokens});
          std::vector<Batch> batches = in_chunks(std::vector<std::int32_t>(tokens, 7), tokens);
          batches[0].expanded = {tokens};  // latents in the form that takes more
          forward(*family, *ops, partition, comm, batches[0]);
          forward(*family, *ops, partition, comm, batches[0]);
          const MemoryNeed need = memory_need(file, config, table, partition, comm.rank(),
                                              {{8, 1, tokens}, std::min(tokens, 32)}, *ops);
          EXPECT_LE(ops->activation_bytes(), need.scratch)
              << name << ", " << tokens << " tokens, rank " << comm.rank() << " of " << ranks;
          EXPECT_GE(ops->activation_bytes(), need.scratch / 16) << "an estimate of no use";
        });
      }
    }
  }
}

TEST(Memory, OfLatentsIsOneKeyForEachPositionAndLayerOnEveryRank) {
  const gguf::Model file = gguf::Model::open(tiny_model("deepseek2"));
  const Config config = read_config(file);
  const auto family = make_family(config);
  const std::vector<TensorEntry> table = family->tensors();
  ThreadPool pool(1);
  comm::SoloComm comm;
  const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm);
  const Partition three(config, table, file, equal_shares(3));
  for (int rank = 0; rank < 3; ++rank)
    EXPECT_EQ(kv_bytes(config, three, rank, two_pages, *ops), 3 * 128 * (128 + 16) * 2);
}

}  // namespace
}  // namespace yoke::model
