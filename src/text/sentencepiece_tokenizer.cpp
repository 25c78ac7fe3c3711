#include "text/sentencepiece_tokenizer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/printable.h"
#include "base/utf8.h"
#include "text/bpe.h"
#include "text/score_merges.h"
#include "text/vocabulary_tokenizer.h"

namespace yoke::text {
namespace {

constexpr std::string_view space_mark = "\u2581";  // stands for a space in the vocabulary

std::vector<double> read_scores(const gguf::Metadata& metadata, const Vocabulary& vocabulary) {
  constexpr std::string_view key = "tokenizer.ggml.scores";
  std::vector<double> scores = metadata.numbers(key);
  require(scores.size() == vocabulary.tokens.size(), "{} has {} entries for the {} of tokenizer.ggml.tokens",
          key, scores.size(), vocabulary.tokens.size());
  for (std::size_t i = 0; i < scores.size(); ++i)
    require(!std::isnan(scores[i]), "{} gives token {} no number (NaN)", key, i);
  return scores;
}

/// The byte of a token "<0xNN>".
std::uint8_t byte_of(const Vocabulary& vocabulary, Token id) {
  const std::string& text = vocabulary.tokens[id];
  unsigned byte = 0;
  if (text.size() == 6 && text.starts_with("<0x") && text.back() == '>') {
    const char* const end = text.data() + 5;
    if (std::from_chars(text.data() + 3, end, byte, 16).ptr == end) return static_cast<std::uint8_t>(byte);
  }
  fail("token {} in tokenizer.ggml.tokens is of type 6 (byte) and called \"{}\"; expected <0x00> to <0xFF>",
       id, printable(text));
}

std::array<Token, 256> find_byte_tokens(const Vocabulary& vocabulary) {
  std::array<Token, 256> tokens{};
  tokens.fill(no_token);
  for (Token id = 0; id < vocabulary.size(); ++id)
    if (vocabulary.types[id] == TokenType::byte) tokens[byte_of(vocabulary, id)] = id;
  return tokens;
}

std::string with_spaces(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const bool is_space = text.starts_with(space_mark);
    const std::size_t length = is_space ? space_mark.size() : 1;
    result += is_space ? " " : text.substr(0, 1);
    text.remove_prefix(length);
  }
  return result;
}

std::vector<std::string> bytes_of_all(const Vocabulary& vocabulary) {
  std::vector<std::string> bytes(vocabulary.tokens.size());
  for (Token id = 0; id < vocabulary.size(); ++id) {
    const TokenType type = vocabulary.types[id];
    if (type == TokenType::byte)
      bytes[id] = std::string(1, static_cast<char>(byte_of(vocabulary, id)));
    else if (type == TokenType::normal || type == TokenType::user_defined)
      bytes[id] = with_spaces(vocabulary.tokens[id]);
  }
  return bytes;
}

class SentencepieceTokenizer final : public VocabularyTokenizer {
 public:
  SentencepieceTokenizer(Vocabulary vocabulary, std::vector<std::string> bytes,
                         const std::vector<double>& scores, bool adds_space);

 private:
  void append_text(std::string_view text, Begin begin, std::vector<Token>& tokens) const override;
  /// What is merged for the character; nothing where it is spelt in bytes.
  Token symbol_of(std::string_view character) const;
  void append_merged(std::vector<Token>& word, std::vector<Token>& tokens, Bpe::Scratch& scratch) const;
  void append_bytes(std::string_view bytes, std::vector<Token>& tokens) const;

  std::array<Token, 256> byte_tokens_;  // no_token where there is none
  Symbols symbols_;
  Bpe bpe_;
  Token space_;                           // the symbol of a space; no_token where no token has one
  std::vector<std::string_view> beyond_;  // the characters whose symbols lie beyond the vocabulary
  std::vector<bool> before_space_;        // by symbol: whether a space follows it in some token
};

SentencepieceTokenizer::SentencepieceTokenizer(Vocabulary vocabulary_read,
                                               std::vector<std::string> bytes_by_id,
                                               const std::vector<double>& scores, bool adds_space)
    : VocabularyTokenizer(std::move(vocabulary_read), std::move(bytes_by_id), adds_space),
      byte_tokens_(find_byte_tokens(vocabulary())),
      symbols_(character_symbols(vocabulary())),
      bpe_(merges_by_score(vocabulary(), scores, symbols_)),
      space_(symbol_of(" ")),
      beyond_(symbols_.size()),
      before_space_(vocabulary().tokens.size() + symbols_.size()) {
  for (const auto& [character, symbol] : symbols_)
    if (symbol >= size()) beyond_[symbol - size()] = character == space_mark ? " " : character;
  for (Token id = 0; id < size(); ++id) {
    if (vocabulary().types[id] != TokenType::normal) continue;
    std::string_view rest = vocabulary().tokens[id];
    for (Token previous = no_token; !rest.empty();) {
      const std::string_view character = rest.substr(0, front_unit(rest).bytes);
      if (previous != no_token && character == space_mark) before_space_[previous] = true;
      previous = symbols_.at(character);
      rest.remove_prefix(character.size());
    }
  }
}

Token SentencepieceTokenizer::symbol_of(std::string_view character) const {
  // The mark itself in a text is spelt in bytes, so that it does not come back as a space.
  if (character == space_mark) return no_token;
  const auto found = symbols_.find(character == " " ? space_mark : character);
  return found == symbols_.end() ? no_token : found->second;
}

/// Merging stays within words where it can, which keeps it in the processor's caches: before a space that
/// continues no token a word ends.
void SentencepieceTokenizer::append_text(std::string_view text, Begin begin,
                                         std::vector<Token>& tokens) const {
  Bpe::Scratch scratch;
  std::vector<Token> word;
  const auto append = [&](std::string_view character) {
    const Token symbol = symbol_of(character);
    const bool ends_word =
        symbol == no_token || (symbol == space_ && !word.empty() && !before_space_[word.back()]);
    if (ends_word) append_merged(word, tokens, scratch);
    if (symbol == no_token)
      append_bytes(character, tokens);
    else
      word.push_back(symbol);
  };
  if (adds_space() && begin == Begin::text) append(" ");
  while (!text.empty()) {
    const std::string_view character = text.substr(0, front_unit(text).bytes);
    append(character);
    text.remove_prefix(character.size());
  }
  append_merged(word, tokens, scratch);
}

/// Leaves `word` empty.
void SentencepieceTokenizer::append_merged(std::vector<Token>& word, std::vector<Token>& tokens,
                                           Bpe::Scratch& scratch) const {
  std::vector<Token> merged;
  bpe_.merge(word, merged, scratch);
  word.clear();
  for (const Token token : merged) {
    if (token < size())
      tokens.push_back(token);
    else
      append_bytes(beyond_[token - size()], tokens);
  }
}

void SentencepieceTokenizer::append_bytes(std::string_view bytes, std::vector<Token>& tokens) const {
  for (const char each : bytes) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte_tokens_[byte] == no_token) refuse_byte(byte);
    tokens.push_back(byte_tokens_[byte]);
  }
}

}  // namespace

std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(const gguf::Metadata& metadata) {
  Vocabulary vocabulary = read_vocabulary(metadata, /*adds_bos=*/true);
  ids_by_text(vocabulary);  // refuses a text that two tokens have
  const std::vector<double> scores = read_scores(metadata, vocabulary);
  const bool adds_space = metadata.flag_or("tokenizer.ggml.add_space_prefix", true);
  std::vector<std::string> bytes = bytes_of_all(vocabulary);
  return std::make_unique<SentencepieceTokenizer>(std::move(vocabulary), std::move(bytes), scores,
                                                  adds_space);
}

}  // namespace yoke::text
