#include "runtime/model_summary.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"

namespace yoke::runtime {
namespace {

TEST(SizeLabel, IsWhatModelNamesSay) {
  EXPECT_EQ(size_label(0), "0");
  EXPECT_EQ(size_label(999), "999");
  EXPECT_EQ(size_label(361'821), "362K");
  EXPECT_EQ(size_label(3'700'000), "3.7M");
  EXPECT_EQ(size_label(1'498'482'688), "1.5B");
  EXPECT_EQ(size_label(8'030'261'248), "8.0B");
  EXPECT_EQ(size_label(70'553'706'496), "70.6B");
  EXPECT_EQ(size_label(671'026'419'200), "671B");
  EXPECT_EQ(size_label(1'026'000'000'000), "1.0T");
}

TEST(SizeLabel, NeverSaysAThousand) {
  EXPECT_EQ(size_label(999'499), "999K");
  EXPECT_EQ(size_label(999'500), "1.0M");
}

TEST(Summarise, TellsWhatTheDemoModelIs) {
  const ModelSummary demo = summarise(std::filesystem::path(YOKE_MODELS) / "demo.gguf", kernels::KvType::f16);
  // 4 layers of q, k, v, output (256 × 256, 2 of 128 × 256, 256 × 256), FFN (3 of 768 × 256) and two norms;
  // the tied embedding, 2048 × 256; the last norm.
  constexpr std::int64_t matrices = 4 * (256 * 256 + 2 * 128 * 256 + 256 * 256 + 3 * 768 * 256) + 2048 * 256;
  constexpr std::int64_t norms = 4 * 2 * 256 + 256;
  EXPECT_EQ(demo.description, "llama 3.7M Q8_0");
  EXPECT_EQ(demo.weights, matrices + norms);
  EXPECT_EQ(demo.bytes, matrices / 32 * 34 + norms * 4);
  EXPECT_EQ(demo.context, 512);
  EXPECT_EQ(demo.vocabulary, 2048);
  // Tied: the embedding is read whole as the output matrix, and one row of it besides.
  EXPECT_EQ(demo.reads.weights, demo.bytes + 256 / 32 * 34);
  EXPECT_EQ(demo.reads.kv_of_near_position(), 4 * 4 * (32 + 32) * 2);
  EXPECT_EQ(demo.products.layers + demo.products.logits, matrices);
  EXPECT_EQ(demo.products.logits, 2048 * 256);
}

TEST(Summarise, RefusesWhatCannotBeRun) {
  EXPECT_THROW(summarise("/nonexistent.gguf", kernels::KvType::f16), Error);
}

}  // namespace
}  // namespace yoke::runtime
