#include "text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/error_of.h"

namespace yoke::text {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

const Json no_tools, no_variables = Json::object();
const Json hello = {{{"role", "user"}, {"content", "Hello"}}};

std::string render(const ChatTemplate& chat_template, const Json& messages, const Json& tools = no_tools,
                   const Json& variables = no_variables, bool prompt = true) {
  return chat_template.render({messages, tools, prompt, variables, std::tm{}});
}

gguf::Metadata metadata_with(const std::string& source) {
  gguf::Metadata metadata;
  metadata.set("tokenizer.chat_template", source);
  metadata.set("tokenizer.ggml.tokens", std::vector<std::string>{"<s>", "</s>", "a"});
  metadata.set("tokenizer.ggml.bos_token_id", std::uint64_t{0});
  metadata.set("tokenizer.ggml.eos_token_id", std::uint64_t{1});
  return metadata;
}

TEST(ChatTemplate, KnowsTheConversationAndTheTokens) {
  const auto chat_template = read_chat_template(metadata_with(
      "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}"
      "{% if add_generation_prompt %}>{% endif %}{{ tools }}{{ unk_token is defined }}{{ mood }}"));
  ASSERT_TRUE(chat_template);
  EXPECT_EQ(render(*chat_template, hello), "<s>user: Hello</s>>NoneFalse");
  EXPECT_EQ(render(*chat_template, hello, no_tools, {{"mood", "good"}}, false),
            "<s>user: Hello</s>NoneFalsegood");
}

TEST(ChatTemplate, IsThereOnlyWhereTheModelHasOne) { EXPECT_FALSE(read_chat_template(gguf::Metadata())); }

TEST(ChatTemplate, HasAnotherForToolsWhereTheModelHasOne) {
  gguf::Metadata metadata = metadata_with("plain");
  metadata.set("tokenizer.chat_template.tool_use", std::string("with {{ tools[0].name }}"));
  const auto chat_template = read_chat_template(metadata);
  const Json tools = {{{"name", "clock"}}};
  EXPECT_EQ(render(*chat_template, hello), "plain");
  EXPECT_EQ(render(*chat_template, hello, tools), "with clock");
  EXPECT_EQ(render(ChatTemplate("plain", {}), hello, tools), "plain");
}

TEST(ChatTemplate, KeepsTheOrderOfKeys) {
  const Json messages = {{{"z", 1}, {"a", 2.5}, {"m", {{"y", true}, {"b", nullptr}}}}};
  EXPECT_EQ(render(ChatTemplate("{{ messages[0] | tojson }}", {}), messages),
            R"({"z": 1, "a": 2.5, "m": {"y": true, "b": null}})");
}

TEST(ChatTemplate, RefusesATemplateThatNeedsMoreWithKeyLineAndConstruct) {
  EXPECT_EQ(error_of([] { read_chat_template(metadata_with("a\n{{ x | xmlattr }}")); }),
            "tokenizer.chat_template, line 2: the filter xmlattr is not supported");
  gguf::Metadata metadata = metadata_with("a");
  metadata.set("tokenizer.chat_template.tool_use", std::string("{% include 'x' %}"));
  EXPECT_EQ(error_of([&] { read_chat_template(metadata); }),
            "tokenizer.chat_template.tool_use, line 1: the statement {% include %} is not supported here");
}

TEST(ChatTemplate, SaysWhereAConversationIsRefused) {
  const ChatTemplate chat_template(
      "{% for m in messages %}\n{{ raise_exception('No ' + m.role) }}{% endfor %}", {});
  EXPECT_EQ(error_of([&] { render(chat_template, hello); }),
            "tokenizer.chat_template, line 2: the template refuses this: No user");
}

TEST(ChatTemplate, RefusesInputThatNoTemplateCanTake) {
  const ChatTemplate chat_template("{{ messages }}", {});
  EXPECT_THAT(error_of([&] { render(chat_template, {{{"content", "\xFF"}}}); }), HasSubstr("not UTF-8"));
  EXPECT_THAT(error_of([&] { render(chat_template, {18446744073709551615ULL}); }), HasSubstr("64 bits"));
  Json deep;
  for (int i = 0; i < 100'000; ++i) deep = Json::array({std::move(deep)});
  EXPECT_THAT(error_of([&] { render(chat_template, deep); }), HasSubstr("deep"));
}

TEST(ChatTemplate, RefusesATokenThatTheVocabularyDoesNotHave) {
  gguf::Metadata metadata = metadata_with("a");
  metadata.set("tokenizer.ggml.bos_token_id", std::uint64_t{7});
  EXPECT_THAT(error_of([&] { read_chat_template(metadata); }), HasSubstr("tokenizer.ggml.bos_token_id is 7"));
}

}  // namespace
}  // namespace yoke::text
