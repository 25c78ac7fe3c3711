#include "session/content_forms.h"

#include <fmt/core.h>

#include <ctime>
#include <utility>
#include <vector>

#include "base/error.h"

namespace yoke::session {
namespace {

using Json = ContentForms::Json;

constexpr const char* person = "user";
constexpr const char* model = "assistant";

Json message(const char* role, std::string text) { return {{"role", role}, {"content", std::move(text)}}; }

/// Words that no template has of its own: digits, which stay themselves in capitals.
std::string marked(std::size_t number) { return fmt::format("5820974{}613", 1000 + number); }

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// The text that a message says; nothing where its content is none, or blank.
std::string_view text_of(const Json& message) {
  const auto content = message.is_object() ? message.find("content") : message.end();
  if (content == message.end() || !content->is_string()) return {};
  return trimmed(content->get_ref<const std::string&>());
}

std::string role_of(const Json& message) {
  const auto role = message.is_object() ? message.find("role") : message.end();
  return role != message.end() && role->is_string() ? role->get<std::string>() : std::string();
}

/// Some day, for templates that name it.
std::tm some_day() {
  std::tm day{};
  day.tm_year = 126;
  day.tm_mday = 1;
  return day;
}

}  // namespace

ContentForms::ContentForms(const text::ChatTemplate& chat_template) : template_(chat_template) {
  find_form(person, {message(person, marked(0))}, 0);
  if (!roles_[person].is_said) return;  // what it makes of others would say no more
  const Json question = message(person, "?");
  find_form(model, {question, message(model, marked(0)), question}, 1);
  find_form("system", {message("system", marked(0)), question}, 0);
}

/// Tries the message at `index`, whose text is a mark, in both forms.
void ContentForms::find_form(const std::string& role, Json messages, std::size_t index) {
  const Json no_tools, no_variables = Json::object();
  for (const Form form : {Form::text, Form::parts}) {
    roles_[role] = {form, false};
    const std::optional<std::string> rendered =
        try_to_render({messages, no_tools, true, no_variables, some_day()}, messages);
    if (rendered && has(*rendered, text_of(messages[index]))) {
      roles_[role].is_said = true;
      return;
    }
  }
  // Neither is known: it may be no role of this template, whose own words about that are the better ones.
  roles_[role] = {Form::text, false};
}

/// Other roles (tools, developers) speak in the form that persons do.
const ContentForms::Known& ContentForms::known(const Json& message) const {
  const auto found = roles_.find(role_of(message));
  return found == roles_.end() ? roles_.at(person) : found->second;
}

Json ContentForms::in_form(const Json& messages) const {
  Json result = messages;
  if (!messages.is_array()) return result;
  for (Json& message : result) {
    if (known(message).form == Form::text || text_of(message).empty()) continue;
    Json& content = message["content"];
    Json part = {{"type", "text"}, {"text", content}};
    content = Json::array({std::move(part)});
  }
  return result;
}

std::optional<std::string> ContentForms::try_to_render(const text::ChatInput& input,
                                                       const Json& messages) const {
  const Json formed = in_form(messages);
  try {
    return template_.render({formed, input.tools, input.add_generation_prompt, input.variables, input.now});
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Whether the prompt changes with what the message says. One that cannot be made without these very words
/// does.
bool ContentForms::depends_on(const text::ChatInput& input, std::size_t index) const {
  std::vector<std::string> prompts;
  for (const std::string& said : {marked(index), fmt::format("a{} b", marked(index))}) {
    Json messages = input.messages;
    messages[index]["content"] = said;
    const std::optional<std::string> rendered = try_to_render(input, messages);
    if (!rendered || has(*rendered, said)) return true;
    prompts.push_back(*rendered);
  }
  return prompts[0] != prompts[1];
}

std::optional<std::size_t> ContentForms::left_out(const text::ChatInput& input,
                                                  std::string_view rendered) const {
  for (std::size_t i = 0; i < input.messages.size() && input.messages.is_array(); ++i) {
    const Json& message = input.messages[i];
    const std::string_view said = text_of(message);
    if (said.empty() || role_of(message) == model) continue;
    // A template that passes such messages on has all of their words, unless it changes them.
    if (known(message).is_said && has(rendered, said)) continue;
    if (!depends_on(input, i)) return i;
  }
  return std::nullopt;
}

}  // namespace yoke::session
