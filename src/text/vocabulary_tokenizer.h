// What all tokenizers do alike: tokens that are written out in a text, ids, bytes and where a model stops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/special_tokens.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace yoke::text {

inline constexpr Token no_token = -1;

/// A tokenizer that only needs to be told how text without special tokens becomes tokens.
class VocabularyTokenizer : public Tokenizer {
 public:
  std::vector<Token> encode(std::string_view text, Specials specials, Begin begin) const final;
  std::string_view bytes(Token token) const final { return bytes_[checked(token)]; }
  std::string_view special_text(Token token) const final { return vocabulary_.tokens[checked(token)]; }
  bool is_special(Token token) const final;
  bool adds_space() const final { return adds_space_; }

  std::int32_t size() const final { return vocabulary_.size(); }
  std::optional<Token> bos() const final { return vocabulary_.bos; }
  std::optional<Token> eos() const final { return vocabulary_.eos; }
  bool adds_bos() const final { return vocabulary_.adds_bos; }
  bool ends_generation(Token token) const final;

 protected:
  /// `bytes`: what each token stands for, by id.
  VocabularyTokenizer(Vocabulary vocabulary, std::vector<std::string> bytes, bool adds_space);

  const Vocabulary& vocabulary() const { return vocabulary_; }
  /// Appends the tokens of `text`, which is not empty and at most 1 GiB.
  virtual void append_text(std::string_view text, Begin begin, std::vector<Token>& tokens) const = 0;

 private:
  std::size_t checked(Token token) const;

  Vocabulary vocabulary_;
  std::vector<std::string> bytes_;  // by id
  bool adds_space_;
  SpecialTokens user_defined_;  // found in every text
  SpecialTokens all_specials_;  // found where specials are parsed: also control and unknown tokens
};

/// Throws the Error of a text with a byte that the vocabulary cannot spell.
[[noreturn]] void refuse_byte(unsigned char byte);

}  // namespace yoke::text
