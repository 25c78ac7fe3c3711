// A small SentencePiece-style vocabulary as a model's metadata holds it.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gguf/metadata.h"
#include "text/tokenizer.h"

namespace yoke::text {

struct ScoreVocabulary {
  std::vector<std::string> tokens;
  std::vector<std::int64_t> types;
  std::vector<double> scores;
  bool adds_space = true;
  Token bos = 0, eos = 0;

  Token add(std::string token, int type, double score = 0) {
    tokens.push_back(std::move(token));
    types.push_back(type);
    scores.push_back(score);
    return static_cast<Token>(tokens.size() - 1);
  }

  gguf::Metadata metadata() const {
    gguf::Metadata metadata;
    metadata.set("tokenizer.ggml.model", std::string("llama"));
    metadata.set("tokenizer.ggml.tokens", tokens);
    metadata.set("tokenizer.ggml.token_type", types);
    metadata.set("tokenizer.ggml.scores", scores);
    metadata.set("tokenizer.ggml.bos_token_id", std::uint64_t(bos));
    metadata.set("tokenizer.ggml.eos_token_id", std::uint64_t(eos));
    metadata.set("tokenizer.ggml.add_space_prefix", adds_space);
    return metadata;
  }
};

/// Bytes, characters, a few words with falling scores and some ties, a space inside a token, special tokens.
inline ScoreVocabulary small_score_vocabulary(bool adds_space = true) {
  ScoreVocabulary vocabulary;
  vocabulary.adds_space = adds_space;
  vocabulary.add("<unk>", 2);
  vocabulary.bos = vocabulary.add("<s>", 3);
  vocabulary.eos = vocabulary.add("</s>", 3);
  for (int byte = 0; byte < 256; ++byte) vocabulary.add(fmt::format("<0x{:02X}>", byte), 6);
  double score = 0;
  for (const char* token : {"▁t", "he", "in", "▁a", "▁the", "er", "▁▁", "th", "an", "ing", "▁and", "▁▁▁▁",
                            "aa", "aaaa", ">▁<", "▁<", "中文", "\u00e9", "e\u0301"})
    vocabulary.add(token, 1, --score);
  for (const char* token : {"ab", "ba", "bb"}) vocabulary.add(token, 1, -50);
  for (const char* token : {"▁", "a", "b", "d", "e", "g", "h", "i", "n", "r", "t", ">", "<", "s", "文"})
    vocabulary.add(token, 1, -100);
  vocabulary.add("<|user|>", 3);
  vocabulary.add("<think>", 4);
  vocabulary.add("▁▁▁", 4);
  vocabulary.add("\n\n", 4);
  vocabulary.add("<pad>", 5);
  return vocabulary;
}

}  // namespace yoke::text
