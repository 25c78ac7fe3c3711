// Conversations rendered as Jinja2 renders them, set up as Hugging Face does.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>

#include "common/scratch.h"
#include "gguf/reader.h"
#include "real_vocabularies.h"
#include "text/chat_template.h"

namespace yoke::text {
namespace {

using Json = nlohmann::ordered_json;

Json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  return Json::parse(file);
}

std::filesystem::path chat_data(const std::string& name) {
  return std::filesystem::path(YOKE_TEST_DATA) / "chat" / name;
}

/// The moment that the references were rendered at: 22 November 2026, 9:05:03.
std::tm reference_time() {
  std::tm time{};
  time.tm_year = 126;
  time.tm_mon = 10;
  time.tm_mday = 22;
  time.tm_hour = 9;
  time.tm_min = 5;
  time.tm_sec = 3;
  time.tm_yday = 325;
  return time;
}

/// What tools/render_chat.py prints of a conversation: {"rendered": text} or {"error": sentence}.
Json result_of(const std::optional<ChatTemplate>& chat_template, const Json& conversation) {
  const Json messages = conversation.value("messages", Json::array());
  const Json tools = conversation.value("tools", Json());
  const Json variables = conversation.value("variables", Json::object());
  const bool prompt = conversation.value("add_generation_prompt", false);
  try {
    return {{"rendered", chat_template->render({messages, tools, prompt, variables, reference_time()})}};
  } catch (const Error& error) {
    return {{"error", error.what()}};
  }
}

/// Likewise; a template that is refused renders nothing.
Json result_of(const Json& source, const Json& tokens, const Json& conversation) {
  TokenNames names;
  for (const auto& [name, text] : tokens.items()) names.emplace_back(name, text.get<std::string>());
  try {
    return result_of(std::optional<ChatTemplate>(ChatTemplate(source.get<std::string>(), names)),
                     conversation);
  } catch (const Error& error) {
    return {{"error", error.what()}};
  }
}

/// Where Jinja2 raises an exception, an Error is thrown, whatever its words.
void expect_agreement(const Json& result, const Json& reference, const std::string& what) {
  if (reference.contains("error"))
    EXPECT_TRUE(result.contains("error"))
        << what << "\nis refused by Jinja2: " << reference["error"] << "\nand not here: " << result;
  else
    EXPECT_EQ(result.value("rendered", result.dump()), reference.at("rendered").get<std::string>()) << what;
}

TEST(GoldenChat, RendersEveryConstructAsJinja2Does) {
  const Json conversation = {
      {"messages", {{{"role", "user"}, {"content", "Hi"}}, {{"role", "assistant"}, {"content", "Hello"}}}}};
  const Json constructs = read_json(chat_data("constructs.json"));
  ASSERT_GT(constructs.size(), 150U);
  for (const Json& construct : constructs)
    expect_agreement(result_of(construct.at("template"), {{"bos_token", "<s>"}}, conversation), construct,
                     construct.at("template"));
}

class GoldenChatOf : public testing::TestWithParam<const char*> {};

TEST_P(GoldenChatOf, IsTheReferences) {
  if (const std::string why = why_vocabulary_is_missing(GetParam()); !why.empty()) GTEST_SKIP() << why;
  const auto model = gguf::Model::open(vocabulary_file(GetParam()));
  const std::optional<ChatTemplate> chat_template = read_chat_template(model.metadata());
  ASSERT_TRUE(chat_template);
  const Json cases = read_json(chat_data("golden.json")).at(GetParam());
  ASSERT_GE(cases.size(), 10U);
  for (const Json& one : cases) expect_agreement(result_of(chat_template, one), one, one.at("case"));
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenChatOf, testing::Values("llama3_1", "deepseek_v3", "qwen3"),
                         [](const auto& model) { return std::string(model.param); });

/// The templates of all packages that tools/fetch_vocabularies.sh has fetched.
Json fetched_templates() {
  Json templates = Json::object();
  const std::filesystem::path folder = vocabulary_file("x").parent_path().parent_path();
  if (!std::filesystem::exists(folder)) return templates;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::filesystem::path file = entry.path() / "chat_templates.json";
    if (!std::filesystem::exists(file)) continue;
    const Json of_package = read_json(file);
    for (const auto& [name, value] : of_package.items())
      templates[entry.path().filename().string() + " " + name] = value;
  }
  return templates;
}

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 65536> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
    text.append(buffer.data(), n);
  return text;
}

TEST(GoldenChat, AgreesWithJinja2OnEveryPublishedTemplate) {
  const std::string python = YOKE_PYTHON_WITH_JINJA2;
  if (python.empty()) GTEST_SKIP() << "python3-jinja2 is missing; tools/install_packages.sh test installs it";
  const Json templates = fetched_templates();
  if (templates.empty()) GTEST_SKIP() << "there are no templates; tools/fetch_vocabularies.sh fetches them";
  EXPECT_GT(templates.size(), 100U);

  const ScratchFolder scratch;
  const std::filesystem::path path = scratch.write("templates.json", templates.dump());
  std::istringstream lines(output_of(python + " " YOKE_RENDER_CHAT " " + path.string() + " " +
                                     chat_data("conversations.json").string()));
  std::map<std::string, Json> conversations;
  const Json all = read_json(chat_data("conversations.json"));
  for (const Json& conversation : all) conversations[conversation.at("case")] = conversation;

  std::size_t compared = 0;
  for (std::string line; std::getline(lines, line); ++compared) {
    const Json reference = Json::parse(line);
    const std::string name = reference.at("template"), which = reference.at("case");
    const Json& one = templates.at(name);
    expect_agreement(result_of(one.at("source"), one.at("tokens"), conversations.at(which)), reference,
                     name + ": " + which);
  }
  EXPECT_EQ(compared, templates.size() * conversations.size());
}

}  // namespace
}  // namespace yoke::text
