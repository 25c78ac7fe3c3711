// Latent attention in the forms that the tiny golden model does not have: older files, whose matrices of
// heads are one tensor; queries made without a latent of their own; quantised weights.
#include <gtest/gtest.h>

#include <optional>
#include <random>

#include "model/edited_model.h"
#include "model/quantize.h"
#include "model/run_model.h"

namespace yoke::model {
namespace {

// The tiny deepseek2, whose keys and values are made for 43 tokens and more at once: 3 layers × 128, the
// first dense; 8 heads of 32 + 16 and of 32, latents of 128.
constexpr int n_layers = 3, n_heads = 8, key_rows = 32, rotated = 16, value_rows = 32, rank = 128, dim = 128;

std::vector<float> values_of(const gguf::Model& file, const std::string& name) {
  const gguf::TensorInfo& tensor = *file.find(name);
  std::vector<float> values(static_cast<std::size_t>(tensor.values()));
  quant::format(tensor.type).dequantize(file.read(tensor), values);
  return values;
}

std::string of_layer(int layer, const char* name) { return fmt::format("blk.{}.{}", layer, name); }

/// Of each head, the rows that make keys of a latent, then those that make values.
std::vector<float> joined(const std::vector<float>& k_b, const std::vector<float>& v_b) {
  std::vector<float> kv_b;
  for (int head = 0; head < n_heads; ++head) {
    for (int row = 0; row < key_rows; ++row) {
      for (int col = 0; col < rank; ++col) kv_b.push_back(k_b[(head * rank + col) * key_rows + row]);
    }
    const auto first = v_b.begin() + head * value_rows * rank;
    kv_b.insert(kv_b.end(), first, first + value_rows * rank);
  }
  return kv_b;
}

/// Every token goes to all experts: a choice between two that are nearly as good would hide what rounding
/// does.
void use_all_experts(Draft& draft) {
  draft.metadata.set("deepseek2.expert_used_count", std::uint64_t{8});
  draft.metadata.set("deepseek2.expert_group_used_count", std::uint64_t{4});
}

/// What files were like before heads' matrices were kept apart.
void make_old(Draft& draft) {
  const gguf::Model tiny = gguf::Model::open(tiny_model("deepseek2"));
  for (int i = 0; i < n_layers; ++i) {
    const std::string name = of_layer(i, "attn_kv_b.weight");
    draft.data[name] = joined(values_of(tiny, of_layer(i, "attn_k_b.weight")),
                              values_of(tiny, of_layer(i, "attn_v_b.weight")));
    draft.remove(of_layer(i, "attn_k_b.weight"));
    draft.remove(of_layer(i, "attn_v_b.weight"));
    draft.tensors.push_back({name, quant::Type::f32, {n_heads * (key_rows + value_rows), rank}});
  }
  gguf::Metadata older;
  for (const auto& [key, value] : draft.metadata.all()) {
    if (!key.ends_with("_mla")) older.set(key, value);
  }
  older.set("deepseek2.attention.key_length", std::uint64_t{key_rows + rotated});
  older.set("deepseek2.attention.value_length", std::uint64_t{value_rows});
  older.set("deepseek2.attention.head_count_kv", std::uint64_t{n_heads});
  draft.metadata = older;
}

/// Positions before which tokens take the expanded form: all of the golden tokens, or none.
constexpr std::int32_t expanded = 48, absorbed = 0;

std::vector<float> run(const std::filesystem::path& path, int ranks, std::int32_t form = expanded,
                       const ops::cpu::Options& options = exact_arithmetic, std::size_t chunk = 48) {
  std::vector<Batch> batches = in_chunks(golden_tokens(), chunk);
  for (Batch& batch : batches) batch.expanded = {form};
  return run_batches(path, ranks, batches, 1, equal_shares(ranks), 1, ranks - 1, "", options);
}

constexpr ops::cpu::Options fast_arithmetic{.kv_type = kernels::KvType::f32,
                                            .activations = kernels::ActivationType::q8};

/// The file with its matrices in another format, beside it for as long as this lives.
class Quantised {
 public:
  Quantised(const std::filesystem::path& from, quant::Type type) : path_(from) {
    path_ += fmt::format(".{}", quant::format(type).name);
    ThreadPool pool(1);
    const gguf::Model file = gguf::Model::open(from);
    quantize(file, plan_quantize(file, {.matrices = type, .output = {}, .embedding = {}}), path_, pool,
             [](std::uint64_t) {});
  }
  ~Quantised() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(LatentModels, OfOlderFilesHaveTheGoldenLogitsAndThoseOfNewOnesToTheBit) {
  const EditedModel old(make_old, "deepseek2");
  const auto golden = read_floats(std::filesystem::path(YOKE_TEST_DATA) / "golden" / "deepseek2.f32");
  for (const int ranks : {1, 3, 5, 8}) {
    const std::vector<float> logits = run(old.path(), ranks);
    EXPECT_LT(normalised_error(logits, golden), 1e-8) << ranks << " ranks";
    EXPECT_TRUE(same_bits(logits, run(tiny_model("deepseek2"), ranks)));
  }
}

TEST(LatentModels, OnMoreRanksThanHeadsHaveTheGoldenLogits) {
  const auto golden = read_floats(std::filesystem::path(YOKE_TEST_DATA) / "golden" / "deepseek2.f32");
  EXPECT_LT(normalised_error(run(tiny_model("deepseek2"), 11), golden), 1e-8);
}

// Two formats of the same values are multiplied in the same order, but decoded floats may be rounded
// otherwise; a head's matrix from a wrong place would move the logits by much of themselves.
constexpr double same_weights = 1e-10;

void expect_logits_of_decoded(const std::filesystem::path& quantised, const std::filesystem::path& decoded) {
  const std::vector<float> expected = run(decoded, 1);
  for (const int ranks : {1, 3, 8})
    EXPECT_LT(normalised_error(run(quantised, ranks), expected), same_weights) << ranks << " ranks";
  // As bytes, what is multiplied errs by up to a 254th of the largest of 32: 2.5e-5 of a product, squared.
  // Some thirty products follow on each other, and softmaxes and gates raise their errors: in tiny models of
  // any family to some thousandths. A matrix that is read wrongly moves the logits by much of themselves.
  const std::vector<float> fast = run(quantised, 1, expanded, fast_arithmetic);
  const double moved = normalised_error(fast, expected);
  EXPECT_GT(moved, same_weights) << "nothing was multiplied as bytes";
  EXPECT_LT(moved, 1e-2);
  for (const int ranks : {1, 3}) {
    EXPECT_LT(normalised_error(run(quantised, ranks, expanded, fast_arithmetic), fast), 2 * moved)
        << ranks << " ranks";
    for (const std::int32_t form : {expanded, absorbed}) {
      const std::vector<float> whole = run(quantised, ranks, form, fast_arithmetic);
      EXPECT_LT(normalised_error(whole, fast), 2 * moved) << ranks << " ranks";
      for (const std::size_t chunk : {1, 9})
        EXPECT_TRUE(same_bits(run(quantised, ranks, form, fast_arithmetic, chunk), whole))
            << ranks << " ranks";
    }
  }
}

TEST(LatentModels, OfQuantisedWeightsHaveTheLogitsOfTheirValues) {
  const EditedModel model(use_all_experts, "deepseek2");
  const Quantised quantised(model.path(), quant::Type::q8_0);
  const Quantised decoded(quantised.path(), quant::Type::f32);
  expect_logits_of_decoded(quantised.path(), decoded.path());
}

TEST(LatentModels, OfOlderQuantisedFilesHaveTheLogitsOfTheirValues) {
  const EditedModel old(
      [](Draft& draft) {
        make_old(draft);
        use_all_experts(draft);
      },
      "deepseek2");
  const Quantised quantised(old.path(), quant::Type::q4_0);
  const Quantised decoded(quantised.path(), quant::Type::f32);
  expect_logits_of_decoded(quantised.path(), decoded.path());
}

/// What sequences' logits are in steps that mix them: `cut` has how many tokens of each a step has.
std::vector<std::vector<float>> run_mixed(const std::vector<std::vector<std::int32_t>>& sequences,
                                          const std::vector<std::vector<int>>& cut,
                                          const std::vector<std::int32_t>& forms, int ranks,
                                          const ops::cpu::Options& options) {
  constexpr int pages_each = 4, vocabulary = 320;
  std::vector<std::vector<std::int32_t>> pages(sequences.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    for (int page = 0; page < pages_each; ++page)
      pages[i].push_back(static_cast<std::int32_t>(page * sequences.size() + i));
  }
  std::vector<std::size_t> next(sequences.size()), of_row;
  std::vector<Batch> batches;
  for (const std::vector<int>& step : cut) {
    Batch batch;
    batch.page_tables = pages;
    batch.expanded = forms;
    for (std::size_t i = 0; i < step.size(); ++i) {
      for (int n = 0; n < step[i]; ++n, ++next[i]) {
        batch.add(sequences[i][next[i]], static_cast<std::int32_t>(next[i]), static_cast<std::int32_t>(i));
        batch.want({.want = Want::logits});
        of_row.push_back(i);
      }
    }
    batches.push_back(std::move(batch));
  }
  const std::vector<float> rows =
      run_batches(tiny_model("deepseek2"), ranks, batches, pages_each * std::ssize(sequences),
                  equal_shares(ranks), 2, ranks - 1, "", options);
  std::vector<std::vector<float>> logits(sequences.size());
  for (std::size_t row = 0; row < of_row.size(); ++row) {
    const auto first = rows.begin() + static_cast<std::ptrdiff_t>(row * vocabulary);
    logits[of_row[row]].insert(logits[of_row[row]].end(), first, first + vocabulary);
  }
  return logits;
}

TEST(LatentModels, MixSequencesWhoseHeadsAreMadeWithOthersWithoutABitOfDifference) {
  std::mt19937 random(7);
  std::vector<std::vector<std::int32_t>> sequences(3, std::vector<std::int32_t>(200));
  for (auto& tokens : sequences) {
    for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random() % 320);
  }
  // Steps in which tokens of both forms meet, those of one sequence too.
  const std::vector<std::int32_t> forms = {128, 64, 200};
  const std::vector<std::vector<int>> cut = {
      {50, 42, 0}, {0, 43, 1}, {100, 5, 99}, {1, 70, 60}, {49, 40, 40}};
  const auto alone = [&](std::size_t i) {
    std::vector<std::vector<int>> steps;
    for (const std::vector<int>& step : cut) {
      if (step[i] > 0) steps.push_back({step[i]});
    }
    return steps;
  };
  for (const int ranks : {1, 2, 3, 4}) {
    const auto mixed = run_mixed(sequences, cut, forms, ranks, exact_arithmetic);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      EXPECT_TRUE(
          same_bits(mixed[i], run_mixed({sequences[i]}, alone(i), {forms[i]}, ranks, exact_arithmetic)[0]))
          << "sequence " << i << " on " << ranks << " ranks";
      const auto other = run_mixed({sequences[i]}, std::vector<std::vector<int>>(10, {20}), {absorbed}, ranks,
                                   exact_arithmetic);
      EXPECT_LT(normalised_error(mixed[i], other[0]), 1e-8)
          << "sequence " << i << " on " << ranks << " ranks";
      EXPECT_FALSE(same_bits(mixed[i], other[0])) << "keys and values were not made";
    }
  }
}

/// Queries made of x at once are those made of a latent that is x itself: one of as many values, by a matrix
/// of ones on the diagonal, of what is normalised already.
TEST(LatentModels, MayMakeQueriesWithoutALatent) {
  std::mt19937 random(41);
  std::normal_distribution<float> normal(0, 0.1f);
  std::vector<float> q(static_cast<std::size_t>(n_heads * (key_rows + rotated) * dim)), one(dim * dim, 0.0f);
  for (float& value : q) value = normal(random);
  for (std::size_t i = 0; i < dim; ++i) one[i * dim + i] = 1;
  const auto edit = [&](Draft& draft, int layer) {
    draft.metadata.set("deepseek2.attention.layer_norm_rms_epsilon", 1e-12);
    draft.data[of_layer(layer, "attn_norm.weight")] = std::vector<float>(dim, 1.0f);
    draft.remove(of_layer(layer, "attn_q_a.weight"));
    draft.remove(of_layer(layer, "attn_q_a_norm.weight"));
    draft.remove(of_layer(layer, "attn_q_b.weight"));
  };
  const auto add = [](Draft& draft, const std::string& name, std::vector<std::int64_t> shape,
                      const std::vector<float>& values) {
    draft.tensors.push_back({name, quant::Type::f32, std::move(shape)});
    draft.data[name] = values;
  };
  std::vector<float> with_latent;
  {
    const EditedModel model(
        [&](Draft& draft) {
          for (int i = 0; i < n_layers; ++i) {
            edit(draft, i);
            add(draft, of_layer(i, "attn_q_a.weight"), {dim, dim}, one);
            add(draft, of_layer(i, "attn_q_a_norm.weight"), {dim}, std::vector<float>(dim, 1.0f));
            add(draft, of_layer(i, "attn_q_b.weight"), {n_heads * (key_rows + rotated), dim}, q);
          }
          draft.metadata.set("deepseek2.attention.q_lora_rank", std::uint64_t{dim});
        },
        "deepseek2");
    with_latent = run(model.path(), 1);
  }
  const EditedModel direct(
      [&](Draft& draft) {
        for (int i = 0; i < n_layers; ++i) {
          edit(draft, i);
          add(draft, of_layer(i, "attn_q.weight"), {n_heads * (key_rows + rotated), dim}, q);
        }
        draft.metadata.set("deepseek2.attention.q_lora_rank", std::uint64_t{0});
      },
      "deepseek2");
  for (const int ranks : {1, 3, 8})
    EXPECT_LT(normalised_error(run(direct.path(), ranks), with_latent), 1e-8) << ranks << " ranks";
}

/// What a file says of its routing: 1 is the softmax, 2 the sigmoid, 0 nothing.
struct Said {
  std::uint64_t gating;
  std::optional<bool> normalised;
};

/// Logits of the tiny model, which has biases on its experts, or of the one that has none.
std::vector<float> logits_routed(const std::string& name, const Said& said) {
  const EditedModel model(
      [&](Draft& draft) {
        gguf::Metadata metadata;
        for (const auto& [key, value] : draft.metadata.all()) {
          if (!key.ends_with("expert_gating_func") && !key.ends_with("expert_weights_norm"))
            metadata.set(key, value);
        }
        if (said.gating > 0) metadata.set("deepseek2.expert_gating_func", said.gating);
        if (said.normalised) metadata.set("deepseek2.expert_weights_norm", *said.normalised);
        draft.metadata = metadata;
      },
      name);
  return run(model.path(), 2);
}

TEST(LatentModels, WithBiasesOnTheirExpertsRouteAsDeepSeekV3WhereTheFileDoesNotSay) {
  const std::vector<float> of_v3 = logits_routed("deepseek2", {2, true});
  EXPECT_TRUE(same_bits(logits_routed("deepseek2", {0, std::nullopt}), of_v3));
  EXPECT_TRUE(same_bits(logits_routed("deepseek2", {0, true}), of_v3));
  EXPECT_FALSE(same_bits(logits_routed("deepseek2", {1, true}), of_v3)) << "what the file says counts";
  EXPECT_TRUE(same_bits(logits_routed("deepseek2", {0, false}), logits_routed("deepseek2", {2, false})));
}

TEST(LatentModels, WithoutThemRouteAsDeepSeekV2WhereTheFileDoesNotSay) {
  const std::vector<float> of_v2 = logits_routed("deepseek2-softmax", {1, false});
  EXPECT_TRUE(same_bits(logits_routed("deepseek2-softmax", {0, std::nullopt}), of_v2));
  EXPECT_FALSE(same_bits(logits_routed("deepseek2-softmax", {2, false}), of_v2))
      << "what the file says counts";
}

}  // namespace
}  // namespace yoke::model
