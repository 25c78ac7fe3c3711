// A small byte-level vocabulary as a model's metadata holds it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gguf/metadata.h"
#include "text/byte_alphabet.h"
#include "text/tokenizer.h"

namespace yoke::text {

struct ByteVocabulary {
  std::vector<std::string> tokens;
  std::vector<std::int64_t> types;
  std::vector<std::string> merges;
  Token bos = 0, eos = 0;

  Token add(std::string token, int type) {
    tokens.push_back(std::move(token));
    types.push_back(type);
    return static_cast<Token>(tokens.size() - 1);
  }
  void add_merge(std::string_view left, std::string_view right) {
    merges.push_back(std::string(left).append(" ").append(right));
    add(std::string(left).append(right), 1);
  }

  gguf::Metadata metadata() const {
    gguf::Metadata metadata;
    metadata.set("tokenizer.ggml.model", std::string("gpt2"));
    metadata.set("tokenizer.ggml.pre", std::string("gpt-2"));
    metadata.set("tokenizer.ggml.tokens", tokens);
    metadata.set("tokenizer.ggml.token_type", types);
    metadata.set("tokenizer.ggml.merges", merges);
    metadata.set("tokenizer.ggml.bos_token_id", std::uint64_t(bos));
    metadata.set("tokenizer.ggml.eos_token_id", std::uint64_t(eos));
    return metadata;
  }
};

/// The 256 bytes (token id = byte), merges of common English pairs and of a few characters of several bytes,
/// then special tokens of which some overlap.
inline ByteVocabulary small_vocabulary() {
  ByteVocabulary vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary.add(stand_in(static_cast<std::uint8_t>(byte)), 1);
  for (const auto& [left, right] : std::vector<std::pair<const char*, const char*>>{
           {"t", "h"},   {"h", "e"},  {"i", "n"},  {"e", "r"},   {"a", "n"}, {"o", "n"}, {"r", "e"},
           {"a", "t"},   {"th", "e"}, {"in", "g"}, {"an", "d"},  {"Ġ", "t"}, {"Ġ", "a"}, {"Ġ", "the"},
           {"Ġ", "and"}, {"o", "u"},  {"a", "a"},  {"aa", "aa"}, {"Ã", "©"}, {"ä", "¸"}, {"ä¸", "Ń"},
           {"ð", "Ł"},   {"ðŁ", "ĺ"}, {"Ġ", "Ġ"},  {"ĠĠ", "ĠĠ"}, {"Ċ", "Ċ"}})
    vocabulary.add_merge(left, right);
  vocabulary.bos = vocabulary.add("<s>", 3);
  vocabulary.eos = vocabulary.add("</s>", 3);
  for (const char* text : {"<unk>", "<|user|>", "<|assistant|>", "<|user|", "<|user|><|"})
    vocabulary.add(text, text == std::string_view("<unk>") ? 2 : 3);
  vocabulary.add("<think>", 4);
  vocabulary.add("   ", 4);
  vocabulary.add("[PAD]", 5);
  return vocabulary;
}

}  // namespace yoke::text
