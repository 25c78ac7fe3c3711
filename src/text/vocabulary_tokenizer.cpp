#include "text/vocabulary_tokenizer.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace yoke::text {
namespace {

constexpr std::size_t max_text = std::size_t{1} << 30;  // keeps lengths and places in 32 bits

bool is_written_out(TokenType type) {
  return type == TokenType::control || type == TokenType::unknown || type == TokenType::user_defined;
}

}  // namespace

VocabularyTokenizer::VocabularyTokenizer(Vocabulary vocabulary, std::vector<std::string> bytes,
                                         bool adds_space)
    : vocabulary_(std::move(vocabulary)), bytes_(std::move(bytes)), adds_space_(adds_space) {
  for (Token id = 0; id < size(); ++id) {
    const TokenType type = vocabulary_.types[id];
    const std::string& text = type == TokenType::user_defined ? bytes_[id] : vocabulary_.tokens[id];
    if (text.empty() || !is_written_out(type)) continue;
    all_specials_.add(text, id);
    if (type == TokenType::user_defined) user_defined_.add(text, id);
  }
}

std::vector<Token> VocabularyTokenizer::encode(std::string_view text, Specials specials, Begin begin) const {
  require(text.size() <= max_text, "the text has {} bytes; at most {} can be tokenised at once", text.size(),
          max_text);
  const SpecialTokens& written_out = specials == Specials::parse ? all_specials_ : user_defined_;
  std::vector<Token> tokens;
  while (const auto special = written_out.find(text)) {
    if (special->begin > 0) append_text(text.substr(0, special->begin), begin, tokens);
    tokens.push_back(special->token);
    begin = Begin::text;  // what follows a special token is a text of its own
    text.remove_prefix(special->begin + special->length);
  }
  if (!text.empty()) append_text(text, begin, tokens);
  return tokens;
}

bool VocabularyTokenizer::is_special(Token token) const {
  return is_written_out(vocabulary_.types[checked(token)]);
}

bool VocabularyTokenizer::ends_generation(Token token) const {
  return std::find(vocabulary_.ends.begin(), vocabulary_.ends.end(), token) != vocabulary_.ends.end();
}

std::size_t VocabularyTokenizer::checked(Token token) const {
  require(token >= 0 && token < size(), "token {} is not in the vocabulary, which has tokens 0 to {}", token,
          size() - 1);
  return static_cast<std::size_t>(token);
}

void refuse_byte(unsigned char byte) {
  fail("the text has the byte 0x{:02X}, for which the vocabulary has no token", byte);
}

}  // namespace yoke::text
