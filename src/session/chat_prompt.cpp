#include "session/chat_prompt.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace yoke::session {
namespace {

using Json = nlohmann::ordered_json;

// Parts a control token that stands in somebody's text, until the prompt is cut into tokens: U+FDD0, which
// Unicode keeps out of texts for programs' own use. Templates compare, trim and split texts, so these are
// changed no further than that, and only where such a token stands in them.
constexpr std::string_view seam = "\xEF\xB7\x90";

std::string without_seams(std::string text) {
  for (std::size_t place = 0; (place = text.find(seam, place)) != std::string::npos;)
    text.erase(place, seam.size());
  return text;
}

/// The text with a seam after the first character of each control token in it.
std::string parted(const std::string& text, const text::SpecialTokens& control_tokens) {
  std::string result;
  std::string_view rest = text;
  while (const std::optional<text::SpecialTokens::Match> found = control_tokens.find(rest)) {
    const std::size_t end = found->begin + front_unit(rest.substr(found->begin)).bytes;
    result.append(rest.substr(0, end)).append(seam);
    rest.remove_prefix(end);
  }
  return result.append(rest);
}

/// Every text in `json`, keys too, parted. What lies deeper than any template takes stays as it is.
Json parted(const Json& json, const text::SpecialTokens& control_tokens, int level = 0) {
  constexpr int deepest = 200;
  if (json.is_string()) return parted(without_seams(json.get<std::string>()), control_tokens);
  if (!json.is_structured() || level == deepest) return json;
  Json result = json.is_array() ? Json::array() : Json::object();
  for (const auto& [key, value] : json.items()) {
    if (json.is_array())
      result.push_back(parted(value, control_tokens, level + 1));
    else
      result[parted(without_seams(key), control_tokens)] = parted(value, control_tokens, level + 1);
  }
  return result;
}

/// <|user|> or <｜User｜>. Some vocabularies have such tokens as ordinary additions, which are found in any
/// text.
bool looks_like_control_token(std::string_view text) {
  return (text.starts_with("<|") && text.ends_with("|>")) ||
         (text.starts_with("<｜") && text.ends_with("｜>"));
}

std::string sentence_about(const Json& messages, std::size_t index) {
  const std::string role = messages[index].value("role", "");
  return fmt::format(
      "the chat template leaves out what '{}' says in message {} of {}, as a text and as a list of "
      "parts",
      role, index + 1, messages.size());
}

}  // namespace

ChatEncoder::ChatEncoder(const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template)
    : tokenizer_(tokenizer), template_(chat_template), forms_(chat_template) {
  for (text::Token token = 0; token < tokenizer.size(); ++token) {
    if (!tokenizer.is_special(token)) continue;
    const std::string_view bytes = tokenizer.bytes(token);
    const std::string_view name = bytes.empty() ? tokenizer.special_text(token) : bytes;
    // Others, like </think>, stand for their own text, which templates look for.
    const bool controls = bytes.empty() || looks_like_control_token(name);
    if (controls && !name.empty()) control_tokens_.add(name, token);
  }
}

ChatPrompt ChatEncoder::encode(const text::ChatInput& input) const {
  const Json messages = parted(input.messages, control_tokens_), tools = parted(input.tools, control_tokens_),
             variables = parted(input.variables, control_tokens_);
  const Json formed = forms_.in_form(messages);
  std::string rendered = template_.render({formed, tools, input.add_generation_prompt, variables, input.now});
  ChatPrompt prompt;
  if (const std::optional<std::size_t> index =
          forms_.left_out({messages, tools, input.add_generation_prompt, variables, input.now}, rendered))
    prompt.left_out = sentence_about(messages, *index);
  text::Begin begin = text::Begin::text;
  for (std::string_view rest = rendered; !rest.empty();) {
    const std::size_t end = std::min(rest.find(seam), rest.size());
    const std::vector<text::Token> tokens =
        tokenizer_.encode(rest.substr(0, end), text::Specials::parse, begin);
    prompt.tokens.insert(prompt.tokens.end(), tokens.begin(), tokens.end());
    rest.remove_prefix(std::min(end + seam.size(), rest.size()));
    begin = text::Begin::within_text;
  }
  require(!prompt.tokens.empty(), "the chat template makes an empty prompt of the conversation");
  if (tokenizer_.adds_bos() && prompt.tokens.front() != *tokenizer_.bos())
    prompt.tokens.insert(prompt.tokens.begin(), *tokenizer_.bos());
  prompt.text = without_seams(std::move(rendered));
  return prompt;
}

}  // namespace yoke::session
