// Drafts against logits computed by another implementation (tests/data/golden), on any number of ranks. Each
// hidden state of the golden tokens is drafted on from twice: the second draft goes on from what the first
// made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "comm/solo.h"
#include "common/error_of.h"
#include "model/edited_model.h"
#include "model/run_model.h"

namespace yoke::model {
namespace {

std::vector<float> golden(const std::string& name) {
  return read_floats(std::filesystem::path(YOKE_TEST_DATA) / "golden" / (name + ".f32"));
}

Config with_draft_layers(const gguf::Model& file) {
  Config config = read_config(file);
  config.add_draft_layers();
  return config;
}

/// A model with its draft layers on this rank.
class Drafting {
 public:
  Drafting(const gguf::Model& file, comm::Comm& comm, const ops::CacheSize& caches)
      : comm_(comm),
        family_(make_family(with_draft_layers(file))),
        ops_(ops::cpu::make_ops(kernels::best(), pool_, comm, exact_arithmetic)),
        table_(family_->tensors()),
        partition_(family_->config(), table_, file, equal_shares(comm.size())) {
    check_tensors(file, family_->config(), table_, *ops_);
    load_tensors(file, table_, partition_, comm.rank(), *ops_, [](std::uint64_t, std::uint64_t) {});
    family_->prepare(*ops_, partition_, comm.rank(), caches);
    need_ = memory_need(file, family_->config(), table_, partition_, comm.rank(),
                        {caches, caches.step_tokens}, *ops_);
  }

  /// Appends the logits of the next tokens; returns the hidden states.
  std::vector<float> run(const std::vector<Batch>& batches, std::vector<float>& logits) {
    std::vector<float> states;
    for (const Batch& batch : batches) {
      const ops::Activations wanted = run_layers(*family_, *ops_, batch.step());
      gather(local_logits(*family_, *ops_, wanted, 0, wanted.tokens), partition_, comm_, logits);
      append(hidden_states(*family_, *ops_, wanted), states);
    }
    return states;
  }

  /// The same of drafts, which go on from `hidden`.
  std::vector<float> draft(const std::vector<Batch>& batches, const std::vector<float>& hidden,
                           std::vector<float>& logits) {
    std::vector<float> states;
    for (const Batch& batch : batches) {
      const MatrixView<const float> before(hidden.data() + states.size(), batch.size(),
                                           family_->config().dim);
      const ops::Activations drafted = run_draft(*family_, *ops_, batch.step(), 0, before);
      gather(local_draft_logits(*family_, *ops_, 0, drafted, 0, drafted.tokens), partition_, comm_, logits);
      append(ops_->read(drafted), states);
    }
    return states;
  }

  std::uint64_t scratch_announced() const { return need_.scratch; }
  std::uint64_t scratch_taken() const { return ops_->activation_bytes(); }

 private:
  static void append(MatrixView<float> values, std::vector<float>& all) {
    all.insert(all.end(), values.data, values.data + values.rows * values.cols);
  }

  ThreadPool pool_{1};
  comm::Comm& comm_;
  std::unique_ptr<Family> family_;
  std::unique_ptr<ops::Ops> ops_;
  std::vector<TensorEntry> table_;
  Partition partition_;
  MemoryNeed need_;
};

/// Logits of the golden tokens: of the model, and of both drafts one after the other.
struct Logits {
  std::vector<float> model, drafts;
};

/// On the last of the ranks.
Logits drafted(const std::string& name, int ranks, std::size_t chunk) {
  const gguf::Model file = gguf::Model::open(tiny_model(name));
  const std::vector<std::int32_t> tokens = golden_tokens();
  Logits result;
  comm::run_ranks(ranks, [&](comm::Comm& comm) {
    Drafting model(file, comm, caches_of(in_chunks(tokens, chunk), 1));
    Logits logits;
    std::vector<float> states = model.run(in_chunks(tokens, chunk), logits.model);
    for (const int ahead : {1, 2}) {
      const std::vector<std::int32_t> following(tokens.begin() + ahead, tokens.end());
      states = model.draft(in_chunks(following, chunk), states, logits.drafts);
    }
    EXPECT_LE(model.scratch_taken(), model.scratch_announced());
    if (comm.rank() == ranks - 1) result = logits;
  });
  return result;
}

/// The draft layer of the first has an embedding and an output matrix of its own.
class GoldenDrafts : public testing::TestWithParam<std::tuple<const char*, int>> {};
INSTANTIATE_TEST_SUITE_P(TinyModels, GoldenDrafts,
                         testing::Combine(testing::Values("glm4moe", "deepseek2"),
                                          testing::Values(1, 2, 3, 4)),
                         [](const auto& test) {
                           return std::get<0>(test.param) + std::string("_on_") +
                                  std::to_string(std::get<1>(test.param));
                         });

TEST_P(GoldenDrafts, AreTheReferencesHoweverTheTokensAreFed) {
  constexpr double tolerance = 1e-8;
  const auto& [name, ranks] = GetParam();
  const std::string with_draft = std::string(name) + "-draft";
  const Logits whole = drafted(with_draft, ranks, 48), by_sevens = drafted(with_draft, ranks, 7),
               one_by_one = drafted(with_draft, ranks, 1);
  for (const Logits* logits : {&whole, &by_sevens, &one_by_one}) {
    EXPECT_LT(normalised_error(logits->drafts, golden(with_draft)), tolerance);
    EXPECT_LT(normalised_error(logits->model, golden(name)), tolerance);
  }
  EXPECT_TRUE(same_bits(by_sevens.drafts, one_by_one.drafts));
}

TEST(DraftLayers, CostNothingUnlessTheyAreAskedFor) {
  const gguf::Model file = gguf::Model::open(tiny_model("glm4moe-draft"));
  const gguf::Model plain = gguf::Model::open(tiny_model("glm4moe"));
  const auto need = [](const gguf::Model& of, const Config& config) {
    ThreadPool pool(1);
    comm::SoloComm comm;
    const auto family = make_family(config);
    const std::vector<TensorEntry> table = family->tensors();
    const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm, exact_arithmetic);
    check_tensors(of, config, table, *ops);
    const Partition one(config, table, of, equal_shares(1));
    return memory_need(of, config, table, one, 0, {{8, 1, 48}, 32}, *ops);
  };
  const MemoryNeed without = need(plain, read_config(plain));
  EXPECT_EQ(need(file, read_config(file)).total(), without.total());
  const MemoryNeed with = need(file, with_draft_layers(file));
  EXPECT_EQ(with.kv * 3, without.kv * 4);  // of three layers and one
  EXPECT_GT(with.weights, without.weights);
  EXPECT_GT(with.scratch, without.scratch);
  const std::vector<Batch> batches = in_chunks(golden_tokens(), 48);
  EXPECT_TRUE(same_bits(run_batches(tiny_model("glm4moe-draft"), 2, batches, 1, equal_shares(2)),
                        run_batches(tiny_model("glm4moe"), 2, batches, 1, equal_shares(2))));
}

TEST(DraftLayers, AreRefusedWhereThereAreNone) {
  const gguf::Model plain = gguf::Model::open(tiny_model("glm4moe"));
  EXPECT_EQ(error_of([&] { with_draft_layers(plain); }),
            plain.path().string() + ": this glm4moe model has no draft layers");
}

TEST(DraftLayers, AreCheckedWhereTheyAreAskedFor) {
  const auto error = [](const std::function<void(Draft&)>& edit) {
    const EditedModel model(edit, "glm4moe-draft");
    EXPECT_EQ(error_of([&] { run_batches(model.path(), 1, {}, 1, equal_shares(1)); }), "");
    return error_of([&] {
      const gguf::Model file = model.open();
      comm::run_ranks(1, [&](comm::Comm& comm) { Drafting(file, comm, {1, 1, 1}); });
    });
  };
  EXPECT_EQ(error([](Draft&) {}), "");
  EXPECT_THAT(error([](Draft& draft) { draft.remove("blk.3.nextn.eh_proj.weight"); }),
              testing::HasSubstr("tensor 'blk.3.nextn.eh_proj.weight' of shape (128, 256) is missing"));
  EXPECT_THAT(error([](Draft& draft) {
                draft.tensors.push_back({"blk.3.layer_output_norm.weight", quant::Type::f32, {128}});
              }),
              testing::HasSubstr("tensor 'blk.3.layer_output_norm.weight' of shape (128) is unknown"));
}

}  // namespace
}  // namespace yoke::model
