// Text to token ids and back. A tokenizer is made from a model's metadata; it is immutable and may be used
// from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/metadata.h"

namespace yoke::text {

using Token = std::int32_t;

/// Whether special tokens written out in the text ("<|user|>") become those tokens or stay ordinary text.
enum class Specials { as_text, parse };

/// Where a text or a row of tokens begins: at a text's start, where `encode` may add a space, or within one.
enum class Begin { text, within_text };

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Ids of `text`; neither BOS nor EOS is added. Any bytes are accepted, also invalid UTF-8. `decode` (or,
  /// within a text, a ByteStream that begins there too) gives the same bytes back, in normal form C where the
  /// model normalises its text (Qwen does). Throws Error where the vocabulary has no token for a byte (some
  /// have none for those that never occur in UTF-8) or the text exceeds 1 GiB.
  virtual std::vector<Token> encode(std::string_view text, Specials specials,
                                    Begin begin = Begin::text) const = 0;
  /// The bytes a token stands for. Control tokens stand for none; `special_text` names them. Both throw Error
  /// where the vocabulary has no such token.
  virtual std::string_view bytes(Token token) const = 0;
  /// The token's name as the vocabulary has it; for messages.
  virtual std::string_view special_text(Token token) const = 0;

  /// Whether the token is found where it is written out in a text (control, unknown and user-defined tokens)
  /// rather than made of its parts. Throws Error likewise.
  virtual bool is_special(Token token) const = 0;
  /// Whether `encode` puts a space before a text's start, and before what follows a special token: Llama 2
  /// knows a word by the space before it, also the first one.
  virtual bool adds_space() const = 0;

  virtual std::int32_t size() const = 0;
  virtual std::optional<Token> bos() const = 0;
  virtual std::optional<Token> eos() const = 0;
  virtual bool adds_bos() const = 0;                    // whether a prompt starts with BOS
  virtual bool ends_generation(Token token) const = 0;  // EOS, end of turn, end of message

  /// `encode` with BOS in front where the model wants one.
  std::vector<Token> encode_prompt(std::string_view text, Specials specials) const;
  /// The text of which `encode` makes `tokens`, or would: all their bytes, without the spaces that it adds.
  std::string decode(const std::vector<Token>& tokens) const;
};

/// Throws Error where the vocabulary is damaged or of a kind that is not supported; the sentence names it.
std::unique_ptr<Tokenizer> make_tokenizer(const gguf::Metadata& metadata);

/// The bytes of tokens, one after the other, without the spaces that `encode` added.
class ByteStream {
 public:
  ByteStream(const Tokenizer& tokenizer, Begin begin)
      : tokenizer_(tokenizer), space_added_(tokenizer.adds_space() && begin == Begin::text) {}
  /// The view lives as long as the tokenizer.
  std::string_view push(Token token);

 private:
  const Tokenizer& tokenizer_;
  bool space_added_;  // whether the next bytes may start with a space that is not the text's
};

/// Turns a stream of tokens into text that never ends in half a UTF-8 character: bytes of an unfinished
/// character wait for the next token; bytes that can never become a character come out as U+FFFD.
class TextStream {
 public:
  /// What a model writes continues its prompt: it begins within a text.
  explicit TextStream(const Tokenizer& tokenizer, Begin begin = Begin::within_text)
      : bytes_(tokenizer, begin) {}
  std::string push(Token token);
  /// What is left at the end (an unfinished character becomes U+FFFD).
  std::string finish();

 private:
  ByteStream bytes_;
  std::string pending_;
};

}  // namespace yoke::text
