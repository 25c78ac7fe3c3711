#include "text/vocabulary.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <string_view>

#include "base/error.h"
#include "base/printable.h"
#include "base/utf8.h"

namespace yoke::text {
namespace {

std::vector<std::string> read_tokens(const gguf::Metadata& metadata) {
  std::vector<std::string> tokens = metadata.strings("tokenizer.ggml.tokens");
  require(!tokens.empty(), "tokenizer.ggml.tokens is empty; a vocabulary needs tokens");
  require(tokens.size() <= std::size_t{std::numeric_limits<Token>::max()},
          "tokenizer.ggml.tokens has {} entries; at most {} are supported", tokens.size(),
          std::numeric_limits<Token>::max());
  for (std::size_t i = 0; i < tokens.size(); ++i)
    require(is_utf8(tokens[i]), "token {} in tokenizer.ggml.tokens is not UTF-8", i);
  return tokens;
}

std::vector<TokenType> read_types(const gguf::Metadata& metadata, std::size_t n_tokens) {
  constexpr std::string_view key = "tokenizer.ggml.token_type";
  std::vector<TokenType> types(n_tokens, TokenType::normal);
  if (!metadata.has(key)) return types;
  const std::vector<std::int64_t> codes = metadata.integers(key);
  require(codes.size() == n_tokens, "{} has {} entries for the {} of tokenizer.ggml.tokens", key,
          codes.size(), n_tokens);
  for (std::size_t i = 0; i < n_tokens; ++i) {
    require(codes[i] >= 1 && codes[i] <= 6, "{} gives token {} the type {}; types are 1 to 6", key, i,
            codes[i]);
    types[i] = static_cast<TokenType>(codes[i]);
  }
  return types;
}

std::optional<Token> read_id(const gguf::Metadata& metadata, std::string_view key, std::size_t n_tokens) {
  if (!metadata.has(key)) return std::nullopt;
  const std::int64_t id = metadata.integer(key);
  require(id >= 0 && static_cast<std::size_t>(id) < n_tokens, "{} is {}; the vocabulary has tokens 0 to {}",
          key, id, n_tokens - 1);
  return static_cast<Token>(id);
}

// Tokens after which a model has said what it had to say. Files name one or two of them in their keys: a
// model that also knows another would write on after it, as one trained for conversations does where its file
// names only the end of documents.
constexpr auto well_known_ends = std::to_array<std::string_view>({
    "<|endoftext|>",          // GPT-2, Qwen, GLM, gpt-oss, Phi
    "<|end_of_text|>",        // Llama 3 and 4, Granite
    "<|eot_id|>",             // Llama 3: end of a turn
    "<|eom_id|>",             // Llama 3: end of a message, before a tool answers
    "<|eot|>",                // Llama 4, likewise
    "<|eom|>",                // Llama 4
    "<|im_end|>",             // ChatML: Qwen, Kimi and many others
    "<|end|>",                // Phi 3; not always, see below
    "<|return|>",             // gpt-oss
    "<|call|>",               // gpt-oss: a tool is to answer
    "<end_of_turn>",          // Gemma
    "<turn|>",                // Gemma 4
    "<｜end▁of▁sentence｜>",  // DeepSeek
    "<|user|>",               // GLM; not always, see below
    "<|observation|>",        // GLM: a tool is to answer
    "<|END_OF_TURN_TOKEN|>",  // Command R
    "[e~[",                   // MiniMax
    "[EOS]",                  // Kimi
    "[EOT]",                  // Kimi
    "<|role_end|>",           // Ling
    "<seed:eos>",             // Seed
    "[|endofturn|]",          // EXAONE
    "<|endofresponse|>",      // dots
    "<|end_of_sentence|>",    // ERNIE
    "<|eos|>",                // Hunyuan
    "<end_of_utterance>",     // SmolVLM, Idefics
});

/// By id, in order.
std::vector<Token> find_well_known_ends(const std::vector<std::string>& tokens) {
  const auto has = [&](std::string_view text) {
    return std::find(tokens.begin(), tokens.end(), text) != tokens.end();
  };
  std::vector<std::string_view> texts(well_known_ends.begin(), well_known_ends.end());
  // gpt-oss ends each message of an answer with <|end|>, and the answer with <|return|>.
  if (has("<|return|>")) std::erase(texts, "<|end|>");
  // GLM has no token for the end of a turn: it goes on with the mark of who is to speak next.
  if (!has("<|observation|>")) std::erase(texts, "<|user|>");
  std::vector<Token> ends;
  for (std::size_t token = 0; token < tokens.size(); ++token)
    if (std::find(texts.begin(), texts.end(), tokens[token]) != texts.end())
      ends.push_back(static_cast<Token>(token));
  return ends;
}

/// `named` and then `known`, each once.
std::vector<Token> all_ends(const std::vector<std::optional<Token>>& named, const std::vector<Token>& known) {
  std::vector<Token> ends;
  const auto add = [&ends](Token token) {
    if (std::find(ends.begin(), ends.end(), token) == ends.end()) ends.push_back(token);
  };
  for (const std::optional<Token>& token : named)
    if (token) add(*token);
  for (const Token token : known) add(token);
  return ends;
}

}  // namespace

Vocabulary read_vocabulary(const gguf::Metadata& metadata, bool adds_bos) {
  Vocabulary vocabulary;
  vocabulary.tokens = read_tokens(metadata);
  const std::size_t n = vocabulary.tokens.size();
  vocabulary.types = read_types(metadata, n);
  vocabulary.bos = read_id(metadata, "tokenizer.ggml.bos_token_id", n);
  vocabulary.eos = read_id(metadata, "tokenizer.ggml.eos_token_id", n);
  const std::vector<Token> known_ends = find_well_known_ends(vocabulary.tokens);
  // Some exporters write them as ordinary tokens. The model was taught them as control tokens all the same.
  for (const Token token : known_ends) vocabulary.types[token] = TokenType::control;
  vocabulary.ends = all_ends({vocabulary.eos, read_id(metadata, "tokenizer.ggml.eot_token_id", n),
                              read_id(metadata, "tokenizer.ggml.eom_token_id", n)},
                             known_ends);
  vocabulary.adds_bos =
      metadata.flag_or("tokenizer.ggml.add_bos_token", adds_bos && vocabulary.bos.has_value());
  require(!vocabulary.adds_bos || vocabulary.bos,
          "tokenizer.ggml.add_bos_token asks for a BOS token, but tokenizer.ggml.bos_token_id is missing");
  return vocabulary;
}

Ids ids_by_text(const Vocabulary& vocabulary) {
  Ids ids;
  ids.reserve(vocabulary.tokens.size());
  for (Token id = 0; id < vocabulary.size(); ++id) {
    const std::string& text = vocabulary.tokens[id];
    if (vocabulary.types[id] == TokenType::unused || text.empty()) continue;
    const auto [before, added] = ids.emplace(text, id);
    if (!added)
      fail("tokens {} and {} in tokenizer.ggml.tokens are both \"{}\"", before->second, id, printable(text));
  }
  return ids;
}

}  // namespace yoke::text
