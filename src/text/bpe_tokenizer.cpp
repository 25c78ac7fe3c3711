#include "text/bpe_tokenizer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gguf/printable.h"
#include "text/bpe.h"
#include "text/byte_alphabet.h"
#include "text/pre_tokenizer.h"
#include "text/special_tokens.h"
#include "text/vocabulary.h"

namespace yoke::text {
namespace {

constexpr Token no_token = -1;
constexpr std::size_t max_text = std::size_t{1} << 30;  // keeps lengths and places in 32 bits

using Ids = std::unordered_map<std::string_view, Token>;

/// Tokens by what the vocabulary calls them; without those that stand for nothing.
Ids ids_by_text(const Vocabulary& vocabulary) {
  Ids ids;
  ids.reserve(vocabulary.tokens.size());
  for (Token id = 0; id < vocabulary.size(); ++id) {
    const std::string& text = vocabulary.tokens[id];
    if (vocabulary.types[id] == TokenType::unused || text.empty()) continue;
    const auto [before, added] = ids.emplace(text, id);
    if (!added)
      fail("tokens {} and {} in tokenizer.ggml.tokens are both \"{}\"", before->second, id,
           gguf::printable(text));
  }
  return ids;
}

/// "left right", entry `number` of the list.
Bpe::Merge parse_merge(std::string_view merge, std::size_t number, const Ids& ids) {
  const std::size_t space = merge.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == merge.size() || space != merge.rfind(' '))
    fail("merge {} in tokenizer.ggml.merges is \"{}\"; a merge is two tokens with one space between them",
         number, gguf::printable(merge));
  const auto id = [&](std::string_view text) {
    const auto found = ids.find(text);
    if (found == ids.end())
      fail(
          "merge {} in tokenizer.ggml.merges, \"{}\", needs the token \"{}\", which the vocabulary does not "
          "have",
          number, gguf::printable(merge), gguf::printable(text));
    return found->second;
  };
  const std::string_view left = merge.substr(0, space);
  const std::string_view right = merge.substr(space + 1);
  return {id(left), id(right), id(std::string(left).append(right))};
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

std::array<Token, 256> find_byte_tokens(const Ids& ids) {
  std::array<Token, 256> tokens{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(stand_in(static_cast<std::uint8_t>(byte)));
    tokens[byte] = found == ids.end() ? no_token : found->second;
  }
  return tokens;
}

class BpeTokenizer final : public Tokenizer {
 public:
  BpeTokenizer(Vocabulary vocabulary, const std::array<Token, 256>& byte_tokens, PreTokenizer pre_tokenizer,
               Bpe bpe);

  std::vector<Token> encode(std::string_view text, Specials specials) const override;
  std::string_view bytes(Token token) const override { return bytes_[checked(token)]; }
  std::string_view special_text(Token token) const override { return vocabulary_.tokens[checked(token)]; }

  std::int32_t size() const override { return vocabulary_.size(); }
  std::optional<Token> bos() const override { return vocabulary_.bos; }
  std::optional<Token> eos() const override { return vocabulary_.eos; }
  bool adds_bos() const override { return vocabulary_.adds_bos; }
  bool ends_generation(Token token) const override {
    return std::find(vocabulary_.ends.begin(), vocabulary_.ends.end(), token) != vocabulary_.ends.end();
  }

 private:
  struct Scratch {
    std::vector<Token> piece;
    Bpe::Scratch bpe;
  };
  void append_text(std::string_view text, Scratch& scratch, std::vector<Token>& tokens) const;
  Token byte_token(char byte) const;
  std::size_t checked(Token token) const;

  Vocabulary vocabulary_;
  std::vector<std::string> bytes_;  // by id
  std::array<Token, 256> byte_tokens_;
  PreTokenizer pre_tokenizer_;
  Bpe bpe_;
  SpecialTokens user_defined_;  // found in every text
  SpecialTokens all_specials_;  // found where specials are parsed: also control and unknown tokens
};

BpeTokenizer::BpeTokenizer(Vocabulary vocabulary, const std::array<Token, 256>& byte_tokens,
                           PreTokenizer pre_tokenizer, Bpe bpe)
    : vocabulary_(std::move(vocabulary)),
      byte_tokens_(byte_tokens),
      pre_tokenizer_(std::move(pre_tokenizer)),
      bpe_(std::move(bpe)) {
  bytes_.reserve(vocabulary_.tokens.size());
  for (Token id = 0; id < size(); ++id) {
    bytes_.push_back(bytes_of(vocabulary_, id));
    const std::string& text = vocabulary_.tokens[id];
    const TokenType type = vocabulary_.types[id];
    if (text.empty() || type == TokenType::normal || type == TokenType::unused) continue;
    all_specials_.add(text, id);
    if (type == TokenType::user_defined) user_defined_.add(text, id);
  }
}

std::vector<Token> BpeTokenizer::encode(std::string_view text, Specials specials) const {
  require(text.size() <= max_text, "the text has {} bytes; at most {} can be tokenised at once", text.size(),
          max_text);
  const SpecialTokens& written_out = specials == Specials::parse ? all_specials_ : user_defined_;
  std::vector<Token> tokens;
  Scratch scratch;
  while (const auto special = written_out.find(text)) {
    append_text(text.substr(0, special->begin), scratch, tokens);
    tokens.push_back(special->token);
    text.remove_prefix(special->begin + special->length);
  }
  append_text(text, scratch, tokens);
  return tokens;
}

/// `text` holds no special token.
void BpeTokenizer::append_text(std::string_view text, Scratch& scratch, std::vector<Token>& tokens) const {
  for (const std::string_view piece : pre_tokenizer_.split(text)) {
    scratch.piece.clear();
    for (const char byte : piece) scratch.piece.push_back(byte_token(byte));
    bpe_.merge(scratch.piece, tokens, scratch.bpe);
  }
}

Token BpeTokenizer::byte_token(char byte) const {
  const auto value = static_cast<unsigned char>(byte);
  const Token token = byte_tokens_[value];
  require(token != no_token, "the text has the byte 0x{:02X}, for which the vocabulary has no token", value);
  return token;
}

std::size_t BpeTokenizer::checked(Token token) const {
  require(token >= 0 && token < size(), "token {} is not in the vocabulary, which has tokens 0 to {}", token,
          size() - 1);
  return static_cast<std::size_t>(token);
}

}  // namespace

std::unique_ptr<Tokenizer> make_bpe_tokenizer(const gguf::Metadata& metadata) {
  Vocabulary vocabulary = read_vocabulary(metadata, /*adds_bos=*/false);
  PreTokenizer pre_tokenizer = PreTokenizer::named(metadata.string("tokenizer.ggml.pre"));
  const Ids ids = ids_by_text(vocabulary);
  const std::array<Token, 256> byte_tokens = find_byte_tokens(ids);
  Bpe bpe(read_merges(metadata, ids));
  return std::make_unique<BpeTokenizer>(std::move(vocabulary), byte_tokens, std::move(pre_tokenizer),
                                        std::move(bpe));
}

}  // namespace yoke::text
