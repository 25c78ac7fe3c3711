#include "model/reads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "comm/solo.h"
#include "model/edited_model.h"

namespace yoke::model {
namespace {

TokenReads reads_of(const gguf::Model& file) {
  const auto family = make_family(read_config(file));
  ThreadPool pool(1);
  comm::SoloComm comm;
  return token_reads(file, family->config(), family->tensors(),
                     *ops::cpu::make_ops(kernels::best(), pool, comm));
}

// The tiny llama: 3 layers × 128, 8 heads over 4 KV heads of 32, FFN 256, vocabulary 320, all in F32.
constexpr std::uint64_t attention = 256 * 128 + 2 * 128 * 128 + 128 * 256;  // q, k and v, output
constexpr std::uint64_t feed_forward = 3 * 256 * 128;
constexpr std::uint64_t norms = 2 * 128;
constexpr std::uint64_t layers = 3 * (attention + feed_forward + norms);
constexpr std::uint64_t output = 128 + 320 * 128;  // norm and matrix
constexpr std::uint64_t embedding_row = 128;

TEST(TokenReads, AreEveryMatrixAndVectorAndARowOfTheEmbedding) {
  const TokenReads reads = reads_of(gguf::Model::open(tiny_model("llama")));
  EXPECT_EQ(reads.weights, 4 * (layers + output + embedding_row));
  EXPECT_EQ(reads.kv_of_near_position(), 3 * 4 * (32 + 32) * 2);  // layers, KV heads, key and value, float16
}

TEST(TokenReads, OfATiedEmbeddingAreItsWholeAsTheOutput) {
  const EditedModel tied([](Draft& draft) { draft.remove("output.weight"); });
  EXPECT_EQ(reads_of(tied.open()).weights, 4 * (layers + output + embedding_row));
}

TEST(TokenReads, CountTheBytesOfTheFilesOwnFormat) {
  // 32 values in 34 bytes.
  const EditedModel mixed([](Draft& draft) {
    draft.tensor("blk.1.ffn_up.weight").type = quant::Type::q8_0;
    draft.tensor("token_embd.weight").type = quant::Type::q8_0;
  });
  constexpr std::uint64_t up = 256 * 128;
  EXPECT_EQ(reads_of(mixed.open()).weights, 4 * (layers - up + output) + (up + embedding_row) / 32 * 34);
}

TEST(TokenReads, DoNotCountWhatOnlyLoadingReads) {
  const EditedModel stretched([](Draft& draft) {
    draft.tensors.push_back({"rope_freqs.weight", quant::Type::f32, {16}});
    draft.data["rope_freqs.weight"] = std::vector<float>(16, 1.0f);
  });
  EXPECT_EQ(reads_of(stretched.open()).weights, 4 * (layers + output + embedding_row));
}

TEST(TokenReads, OfLatentAttentionAreItsMatricesOnceAndOneKeyOfAPosition) {
  const gguf::Model file = gguf::Model::open(tiny_model("deepseek2"));
  std::uint64_t all = 0, experts = 0;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    all += tensor.bytes;
    if (tensor.name.find("_exps.") != std::string::npos) experts += tensor.bytes;
  }
  // Three experts of eight, and one row of the embedding.
  const TokenReads reads = reads_of(file);
  EXPECT_EQ(reads.weights, all - experts / 8 * 5 - 4 * 319 * 128);
  EXPECT_EQ(reads.kv_of_near_position(), 3 * (128 + 16) * 2);
}

TEST(TokenReads, OfATokenGrowWithThePositionsItAttendsTo) {
  const TokenReads reads{1000, {{0, 10}}};
  EXPECT_DOUBLE_EQ(reads.total(1), 1010);
  EXPECT_DOUBLE_EQ(reads.total(64.5), 1645);
}

TEST(TokenReads, OfATokenEndAtAWindow) {
  const TokenReads reads{1000, {{0, 10}, {64, 3}}, 7};
  EXPECT_EQ(reads.kv_of_near_position(), 13);
  EXPECT_DOUBLE_EQ(reads.total(64), 1007 + 64 * 13);
  EXPECT_DOUBLE_EQ(reads.total(100), 1007 + 64 * 13 + 36 * 10);
}

TEST(TokenReads, OfAFamilyWithWindowsAreToldByThem) {
  const gguf::Model file = gguf::Model::open(tiny_model("gpt-oss"));
  const std::unique_ptr<Family> family = make_family(read_config(file));
  const TokenReads reads = reads_of(file);
  std::int64_t windowed = 0;
  for (const LayerConfig& layer : family->config().layers) windowed += layer.window > 0;
  const Config& config = family->config();
  const std::uint64_t of_layer = config.layers[0].n_kv_heads * (config.k_dim + config.v_dim) * 2;
  EXPECT_THAT(reads.kv_of_position,
              testing::ElementsAre(std::pair{0, (config.n_layers() - windowed) * of_layer},
                                   std::pair{config.window, windowed * of_layer}));
}

}  // namespace
}  // namespace yoke::model
