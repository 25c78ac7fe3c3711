#include "cli/synth_vocabulary.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "text/tokenizer.h"

namespace yoke::cli {
namespace {

std::unique_ptr<text::Tokenizer> tokenizer(std::int64_t size) {
  gguf::Metadata metadata;
  set_vocabulary(metadata, size);
  return text::make_tokenizer(metadata);
}

TEST(SynthVocabulary, HasAsManyTokensAsAskedFor) {
  for (const std::int64_t size : {smallest_vocabulary, std::int64_t{320}, std::int64_t{128'256}}) {
    const auto vocabulary = tokenizer(size);
    EXPECT_EQ(vocabulary->size(), size);
    EXPECT_EQ(vocabulary->bos(), 256);
    EXPECT_TRUE(vocabulary->ends_generation(257));
  }
}

TEST(SynthVocabulary, TakesAnyTextApartAndBackTogether) {
  const std::string text = "The quick brown fox – 日本 🐂 \t“x”\xff\n";
  for (const std::int64_t size : {smallest_vocabulary, std::int64_t{128'256}}) {
    const auto vocabulary = tokenizer(size);
    EXPECT_EQ(vocabulary->decode(vocabulary->encode(text, text::Specials::as_text)), text);
  }
}

TEST(SynthVocabulary, LargerOnesTakeFewerTokens) {
  const std::string text = "call me ishmael some years ago never mind how long precisely";
  const std::size_t bytes = tokenizer(smallest_vocabulary)->encode(text, text::Specials::as_text).size();
  const std::size_t words = tokenizer(128'256)->encode(text, text::Specials::as_text).size();
  EXPECT_EQ(bytes, text.size());
  EXPECT_LT(words * 2, bytes);
}

}  // namespace
}  // namespace yoke::cli
