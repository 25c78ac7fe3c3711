#include "text/chat_template.h"

#include <array>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "jinja/interpreter.h"
#include "jinja/parser.h"

namespace yoke::text {
namespace {

using Json = nlohmann::ordered_json;
using jinja::Value;

constexpr std::string_view main_key = "tokenizer.chat_template";
constexpr std::string_view tool_use_key = "tokenizer.chat_template.tool_use";

std::string checked_text(const std::string& text) {
  require(is_utf8(text), "a text in the conversation is not UTF-8");
  return text;
}

Value to_value(const Json& json, std::uint32_t level = 0) {
  require(level <= jinja::max_depth,
          "lists and objects in the conversation lie in each other more than {} deep", jinja::max_depth);
  if (json.is_string()) return Value::text(checked_text(json.get_ref<const std::string&>()));
  if (json.is_boolean()) return Value::boolean(json.get<bool>());
  if (json.is_number_float()) return Value::number(json.get<double>());
  if (json.is_number_unsigned())
    require(json.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()},
            "the integer {} in the conversation exceeds 64 bits", json.get<std::uint64_t>());
  if (json.is_number_integer()) return Value::integer(json.get<std::int64_t>());
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json& item : json) items.push_back(to_value(item, level + 1));
    return Value::list(std::move(items));
  }
  if (json.is_object()) {
    std::vector<std::pair<Value, Value>> entries;
    for (const auto& [key, value] : json.items())
      entries.emplace_back(Value::text(checked_text(key)), to_value(value, level + 1));
    return Value::mapping(std::move(entries));
  }
  return Value::none();
}

struct Program {
  std::string_view key;  // of the metadata
  std::string source;
  jinja::Block block;
};

/// Runs `work`; its Error names the template.
template <class Work>
auto named(std::string_view key, const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    fail("{}, {}", key, error.what());
  }
}

Program parse(std::string_view key, std::string_view source) {
  return {key, std::string(source), named(key, [source] { return jinja::parse(source); })};
}

jinja::Inputs to_inputs(const ChatInput& input, const TokenNames& tokens) {
  jinja::Inputs inputs;
  inputs.now = input.now;
  const auto add = [&](std::string_view name, Value value) {
    inputs.variables.emplace_back(name, std::move(value));
  };
  for (const auto& [name, text] : tokens) add(name, Value::text(text));
  add("messages", to_value(input.messages));
  add("tools", to_value(input.tools));
  add("documents", Value::none());
  add("add_generation_prompt", Value::boolean(input.add_generation_prompt));
  for (const auto& [name, value] : input.variables.items()) add(name, to_value(value));
  return inputs;
}

}  // namespace

struct ChatTemplate::Programs {
  Program main;
  std::optional<Program> tool_use;
  TokenNames tokens;
};

ChatTemplate::ChatTemplate(std::string_view source, TokenNames tokens,
                           std::optional<std::string_view> tool_use) {
  std::optional<Program> with_tools;
  if (tool_use) with_tools = parse(tool_use_key, *tool_use);
  programs_ = std::make_unique<const Programs>(
      Programs{parse(main_key, source), std::move(with_tools), std::move(tokens)});
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(const ChatInput& input) const {
  const bool with_tools = !input.tools.empty() && programs_->tool_use;
  const Program& program = with_tools ? *programs_->tool_use : programs_->main;
  const jinja::Inputs inputs = to_inputs(input, programs_->tokens);
  return named(program.key, [&] { return jinja::run(program.block, inputs); });
}

bool ChatTemplate::mentions(std::string_view word) const {
  const auto has = [word](const Program& program) { return program.source.find(word) != std::string::npos; };
  return has(programs_->main) || (programs_->tool_use && has(*programs_->tool_use));
}

std::optional<ChatTemplate> read_chat_template(const gguf::Metadata& metadata) {
  if (!metadata.has(main_key)) return std::nullopt;
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> names = {
      {{"bos_token", "tokenizer.ggml.bos_token_id"},
       {"eos_token", "tokenizer.ggml.eos_token_id"},
       {"unk_token", "tokenizer.ggml.unknown_token_id"},
       {"pad_token", "tokenizer.ggml.padding_token_id"}}};
  TokenNames tokens;
  for (const auto& [name, key] : names) {
    if (!metadata.has(key)) continue;
    const std::vector<std::string>& vocabulary = metadata.strings("tokenizer.ggml.tokens");
    const std::int64_t id = metadata.integer(key);
    require(id >= 0 && static_cast<std::size_t>(id) < vocabulary.size(),
            "{} is {}; the vocabulary has tokens 0 to {}", key, id, vocabulary.size() - 1);
    tokens.emplace_back(name, vocabulary[static_cast<std::size_t>(id)]);
  }
  std::optional<std::string_view> tool_use;
  if (metadata.has(tool_use_key)) tool_use = metadata.string(tool_use_key);
  return ChatTemplate(metadata.string(main_key), std::move(tokens), tool_use);
}

}  // namespace yoke::text
