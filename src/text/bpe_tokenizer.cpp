#include "text/bpe_tokenizer.h"

#include <array>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/printable.h"
#include "text/bpe.h"
#include "text/byte_alphabet.h"
#include "text/normal_form.h"
#include "text/pre_tokenizer.h"
#include "text/pre_tokenizer_kind.h"
#include "text/vocabulary_tokenizer.h"

namespace yoke::text {
namespace {

/// "left right", entry `number` of the list.
Bpe::Merge parse_merge(std::string_view merge, std::size_t number, const Ids& ids) {
  const std::size_t space = merge.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == merge.size() || space != merge.rfind(' '))
    fail("merge {} in tokenizer.ggml.merges is \"{}\"; a merge is two tokens with one space between them",
         number, printable(merge));
  const auto id = [&](std::string_view text) {
    const auto found = ids.find(text);
    if (found == ids.end())
      fail(
          "merge {} in tokenizer.ggml.merges, \"{}\", needs the token \"{}\", which the vocabulary does not "
          "have",
          number, printable(merge), printable(text));
    return found->second;
  };
  const std::string_view left = merge.substr(0, space);
  const std::string_view right = merge.substr(space + 1);
  return {id(left), id(right), id(std::string(left).append(right)), static_cast<std::uint32_t>(number)};
}

std::vector<Bpe::Merge> read_merges(const gguf::Metadata& metadata, const Ids& ids) {
  std::vector<Bpe::Merge> merges;
  for (const std::string& merge : metadata.strings("tokenizer.ggml.merges"))
    merges.push_back(parse_merge(merge, merges.size(), ids));
  return merges;
}

/// What the token stands for: control, unknown and unused tokens for no bytes.
std::string bytes_of(const Vocabulary& vocabulary, Token id) {
  const std::string& text = vocabulary.tokens[id];
  const TokenType type = vocabulary.types[id];
  require(type != TokenType::byte,
          "token {} in tokenizer.ggml.token_type is of type 6 (byte), which a byte-level vocabulary does not "
          "have",
          id);
  if (type == TokenType::user_defined) return text;
  if (type != TokenType::normal) return "";
  // A token with a character that stands for no byte was added to the vocabulary in plain text; Hugging
  // Face's ByteLevel decoder takes it so too.
  return bytes_behind(text).value_or(text);
}

std::vector<std::string> bytes_of_all(const Vocabulary& vocabulary) {
  std::vector<std::string> bytes;
  bytes.reserve(vocabulary.tokens.size());
  for (Token id = 0; id < vocabulary.size(); ++id) bytes.push_back(bytes_of(vocabulary, id));
  return bytes;
}

/// The model's word for how text is cut into pieces. It is not guessed: with another one the model would read
/// tokens that it was not trained on, and nobody would see why it writes so badly.
const PreTokenizerKind& read_kind(const gguf::Metadata& metadata) {
  constexpr std::string_view key = "tokenizer.ggml.pre";
  require(metadata.has(key), "{} is missing, which says how text is cut into pieces; known: {}", key,
          names_of_pre_tokenizers());
  return pre_tokenizer_kind(metadata.string(key));
}

std::array<Token, 256> find_byte_tokens(const Ids& ids) {
  std::array<Token, 256> tokens{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(stand_in(static_cast<std::uint8_t>(byte)));
    tokens[byte] = found == ids.end() ? no_token : found->second;
  }
  return tokens;
}

class BpeTokenizer final : public VocabularyTokenizer {
 public:
  BpeTokenizer(Vocabulary vocabulary, std::vector<std::string> bytes, const PreTokenizerKind& kind, Bpe bpe,
               const std::array<Token, 256>& byte_tokens);

 private:
  void append_text(std::string_view text, Begin begin, std::vector<Token>& tokens) const override;
  Token byte_token(char byte) const;

  NormalForm normal_form_;
  PreTokenizer pre_tokenizer_;
  Bpe bpe_;
  std::array<Token, 256> byte_tokens_;                        // no_token where there is none
  std::unordered_map<std::string_view, Token> whole_pieces_;  // by bytes; empty where the merges decide
};

BpeTokenizer::BpeTokenizer(Vocabulary vocabulary_read, std::vector<std::string> bytes_by_id,
                           const PreTokenizerKind& kind, Bpe bpe, const std::array<Token, 256>& byte_tokens)
    : VocabularyTokenizer(std::move(vocabulary_read), std::move(bytes_by_id), /*adds_space=*/false),
      normal_form_(kind.normal_form),
      pre_tokenizer_(kind.expressions),
      bpe_(std::move(bpe)),
      byte_tokens_(byte_tokens) {
  if (!kind.whole_piece_first) return;
  whole_pieces_.reserve(vocabulary().tokens.size());
  for (Token id = 0; id < size(); ++id)
    if (vocabulary().types[id] == TokenType::normal && bytes_behind(vocabulary().tokens[id]))
      whole_pieces_.emplace(bytes(id), id);
}

void BpeTokenizer::append_text(std::string_view text, Begin /*begin*/, std::vector<Token>& tokens) const {
  std::string normal;
  if (normal_form_ == NormalForm::nfc) text = to_nfc(text, normal);
  std::vector<Token> symbols;
  Bpe::Scratch scratch;
  for (const std::string_view piece : pre_tokenizer_.split(text)) {
    if (const auto whole = whole_pieces_.find(piece); whole != whole_pieces_.end()) {
      tokens.push_back(whole->second);
      continue;
    }
    symbols.clear();
    for (const char byte : piece) symbols.push_back(byte_token(byte));
    bpe_.merge(symbols, tokens, scratch);
  }
}

Token BpeTokenizer::byte_token(char byte) const {
  const auto value = static_cast<unsigned char>(byte);
  const Token token = byte_tokens_[value];
  if (token == no_token) refuse_byte(value);
  return token;
}

}  // namespace

std::unique_ptr<Tokenizer> make_bpe_tokenizer(const gguf::Metadata& metadata) {
  const PreTokenizerKind& kind = read_kind(metadata);
  Vocabulary vocabulary = read_vocabulary(metadata, kind.adds_bos);
  const Ids ids = ids_by_text(vocabulary);
  const std::array<Token, 256> byte_tokens = find_byte_tokens(ids);
  Bpe bpe(read_merges(metadata, ids));
  std::vector<std::string> bytes = bytes_of_all(vocabulary);
  return std::make_unique<BpeTokenizer>(std::move(vocabulary), std::move(bytes), kind, std::move(bpe),
                                        byte_tokens);
}

}  // namespace yoke::text
