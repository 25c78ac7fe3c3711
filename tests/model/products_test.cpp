#include "model/products.h"

#include <gtest/gtest.h>

#include "model/edited_model.h"

namespace yoke::model {
namespace {

TokenProducts products_of(const gguf::Model& file) {
  const auto family = make_family(read_config(file));
  return token_products(file, family->tensors());
}

// The tiny llama: 3 layers × 128, 8 heads over 4 KV heads of 32, FFN 256, vocabulary 320.
constexpr std::uint64_t attention = 256 * 128 + 2 * 128 * 128 + 128 * 256;  // q, k and v, output
constexpr std::uint64_t feed_forward = 3 * 256 * 128;
constexpr std::uint64_t layers = 3 * (attention + feed_forward);
constexpr std::uint64_t output = 320 * 128;

TEST(TokenProducts, AreOneForEachValueOfTheMatricesAndThoseOfLogitsApart) {
  const TokenProducts products = products_of(gguf::Model::open(tiny_model("llama")));
  EXPECT_EQ(products.layers, layers);
  EXPECT_EQ(products.logits, output);
}

TEST(TokenProducts, OfATiedEmbeddingAreThoseOfTheOutputMatrixAlone) {
  const EditedModel tied([](Draft& draft) { draft.remove("output.weight"); });
  const TokenProducts products = products_of(tied.open());
  EXPECT_EQ(products.layers, layers);
  EXPECT_EQ(products.logits, output);
}

TEST(TokenProducts, DoNotDependOnTheFormat) {
  const EditedModel mixed([](Draft& draft) { draft.tensor("blk.1.ffn_up.weight").type = quant::Type::q8_0; });
  EXPECT_EQ(products_of(mixed.open()).layers, layers);
}

TEST(TokenProducts, DoNotCountBiases) {
  const gguf::Model file = gguf::Model::open(tiny_model("qwen2"));
  const bool tied = file.find("output.weight") == nullptr;
  std::uint64_t matrices = 0;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    if (tensor.shape.size() == 2 && (tied || tensor.name != "token_embd.weight"))
      matrices += static_cast<std::uint64_t>(tensor.values());
  }
  const TokenProducts products = products_of(file);
  EXPECT_EQ(products.layers + products.logits, matrices);
}

}  // namespace
}  // namespace yoke::model
