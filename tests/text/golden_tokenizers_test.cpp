// Tokens that other implementations gave, with the models' real vocabularies.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fixtures.h"
#include "text/tokenizer.h"

namespace yoke::text {
namespace {

namespace fs = std::filesystem;

fs::path vocabulary_folder(const std::string& name) {
  const char* const given = std::getenv("YOKE_VOCABULARIES");
  return fs::path(given != nullptr ? given : YOKE_FETCHED_VOCABULARIES) / name;
}

/// Why the test of this vocabulary cannot run; empty where it can.
std::string missing(const std::string& name, const std::vector<std::string>& files) {
  for (const std::string& file : files)
    if (const fs::path path = vocabulary_folder(name) / file; !fs::exists(path))
      return path.string() + " is missing; tools/fetch_vocabularies.sh fetches it";
  return {};
}

nlohmann::json read_json(const fs::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

struct Example {
  std::string text;
  std::vector<Token> ids;
};

std::vector<Example> golden(const std::string& name) {
  std::vector<Example> examples;
  for (const auto& entry : read_json(fs::path(YOKE_TEST_DATA) / "tokenizers" / (name + ".json")))
    examples.push_back({entry.at("text"), entry.at("ids")});
  return examples;
}

/// OpenAI's own files: encoder.json has the ids by token, vocab.bpe the merges after a line with its version.
const Tokenizer& gpt2() {
  static const auto tokenizer = [] {
    const nlohmann::json encoder = read_json(vocabulary_folder("gpt2") / "encoder.json");
    ByteVocabulary vocabulary;
    vocabulary.tokens.resize(encoder.size());
    vocabulary.types.assign(encoder.size(), 1);
    for (const auto& [token, id] : encoder.items()) vocabulary.tokens.at(id.get<std::size_t>()) = token;
    const Token end_of_text = encoder.at("<|endoftext|>").get<Token>();
    vocabulary.types[static_cast<std::size_t>(end_of_text)] = 3;
    vocabulary.bos = vocabulary.eos = end_of_text;

    std::ifstream merges(vocabulary_folder("gpt2") / "vocab.bpe");
    std::string line;
    std::getline(merges, line);
    while (std::getline(merges, line))
      if (!line.empty()) vocabulary.merges.push_back(line);
    return make_tokenizer(vocabulary.metadata());
  }();
  return *tokenizer;
}

class GoldenGpt2 : public testing::Test {
  void SetUp() override {
    if (const std::string why = missing("gpt2", {"encoder.json", "vocab.bpe"}); !why.empty())
      GTEST_SKIP() << why;
  }
};

TEST_F(GoldenGpt2, GivesTheSameTokens) {
  const std::vector<Example> examples = golden("gpt2");
  ASSERT_GT(examples.size(), 50U);
  for (const Example& example : examples)
    EXPECT_EQ(gpt2().encode(example.text, Specials::as_text), example.ids)
        << testing::PrintToString(example.text);
}

TEST_F(GoldenGpt2, GivesBackTheTexts) {
  for (const Example& example : golden("gpt2")) EXPECT_EQ(gpt2().decode(example.ids), example.text);
}

TEST_F(GoldenGpt2, GivesBackAnyBytes) {
  std::mt19937 random(9);
  for (int round = 0; round < 300; ++round) {
    const std::string text = round % 2 ? random_bytes(random, 100) : random_text(random, awkward_parts(), 40);
    ASSERT_EQ(gpt2().decode(gpt2().encode(text, Specials::as_text)), text) << testing::PrintToString(text);
  }
}

TEST_F(GoldenGpt2, ParsesItsSpecialToken) {
  EXPECT_EQ(gpt2().encode("<|endoftext|>", Specials::parse), (std::vector<Token>{50256}));
  EXPECT_EQ(gpt2().encode("<|endoftext|>", Specials::as_text).size(), 7U);
  EXPECT_TRUE(gpt2().ends_generation(50256));
}

}  // namespace
}  // namespace yoke::text
