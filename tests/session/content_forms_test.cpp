#include "session/content_forms.h"

#include <gtest/gtest.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"

namespace yoke::session {
namespace {

using Json = nlohmann::ordered_json;

/// SmolVLM's: a text is looped over by its characters, none of which is a part.
const std::string knows_parts =
    "{% for m in messages %}{{ m.role }}: {% for part in m.content %}{% if part['type'] == 'text' %}{{ "
    "part['text'] "
    "}}{% elif part['type'] == 'image' %}<image>{% endif %}{% endfor %}{{ '\\n' }}{% endfor %}";
const std::string knows_texts = "{% for m in messages %}{{ m.role }}: {{ m.content | trim }}\n{% endfor %}";

Json message(const char* role, const char* content) { return {{"role", role}, {"content", content}}; }
Json parts(const char* role, const char* text) {
  return {{"role", role}, {"content", {{{"type", "text"}, {"text", text}}}}};
}

/// A conversation in which everybody speaks.
Json all_roles() {
  return {message("system", "Be brief."), message("user", "What is 2+2?"), message("assistant", "4"),
          message("tool", "four"), message("user", "Sure?")};
}

struct Rendered {
  std::string text;
  std::optional<std::size_t> left_out;
};

Rendered render(const std::string& source, const Json& messages) {
  const text::ChatTemplate chat_template(source, {});
  const ContentForms forms(chat_template);
  const Json no_tools, no_variables = Json::object();
  const Json formed = forms.in_form(messages);
  const std::string text = chat_template.render({formed, no_tools, true, no_variables, std::tm{}});
  return {text, forms.left_out({messages, no_tools, true, no_variables, std::tm{}}, text)};
}

Json in_form(const std::string& source, const Json& messages) {
  const text::ChatTemplate chat_template(source, {});
  return ContentForms(chat_template).in_form(messages);
}

TEST(ContentForms, AreTextsWhereTheTemplateKnowsTexts) {
  EXPECT_EQ(in_form(knows_texts, all_roles()), all_roles());
  const std::string both =
      "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{{ m.content[0].text }}"
      "{% endif %}{% endfor %}";
  EXPECT_EQ(in_form(both, all_roles()), all_roles());
}

TEST(ContentForms, ArePartsWhereTheTemplateKnowsNothingElse) {
  const std::string said = "system: Be brief.\nuser: What is 2+2?\nassistant: 4\ntool: four\nuser: Sure?\n";
  for (const std::string& source :
       {knows_parts,
        std::string("{% for m in messages %}{{ m.role }}: {{ m.content[0].text }}\n{% endfor %}"),
        std::string(
            "{% for m in messages %}{{ m.role }}: {{ m.content | selectattr('type', 'equalto', 'text') | "
            "map(attribute='text') | join }}\n{% endfor %}"),
        std::string("{% for m in messages %}{{ m.role }}: {% for part in m.content %}{{ part.text + '\\n' }}"
                    "{% endfor %}{% endfor %}")}) {
    const Rendered rendered = render(source, all_roles());
    EXPECT_EQ(rendered.text, said) << source;
    EXPECT_EQ(rendered.left_out, std::nullopt) << source;
  }
}

TEST(ContentForms, DifferByTheRole) {
  const std::string source =
      "{% for m in messages %}{% if m.role == 'user' %}{% for part in m.content %}{{ part.text }}{% endfor %}"
      "{% else %}{{ m.content + '.' }}{% endif %};{% endfor %}";
  const Rendered rendered = render(source, {message("system", "Be brief"), message("user", "2+2?"),
                                            message("assistant", "4"), message("user", "Sure?")});
  EXPECT_EQ(rendered.text, "Be brief.;2+2?;4.;Sure?;");
}

TEST(ContentForms, LeaveOtherContentAsItIs) {
  const Json messages = {
      parts("user", "a"), {{"role", "assistant"}, {"content", nullptr}}, {{"role", "user"}}};
  EXPECT_EQ(in_form(knows_parts, messages), messages);
}

TEST(ContentForms, KnowWhatATemplateLeavesOut) {
  const Json two = {message("system", "Be brief."), message("user", "a")};
  EXPECT_EQ(render("{{ messages[-1].role }}: {{ messages[-1].content }}", two).left_out, 0U);
  EXPECT_EQ(render("{{ messages[0].content }}user", two).left_out, 1U)
      << "that its words stand somewhere is not enough";
  EXPECT_EQ(render("Hello", two).left_out, 0U);
  EXPECT_EQ(
      render("{% for m in messages %}{% for part in m.content if part.type == 'image' %}<image>{% endfor %}"
             "{% endfor %}",
             two)
          .left_out,
      0U);
}

TEST(ContentForms, MissNothingWhereATemplateChangesWhatIsSaid) {
  const Json spoken = {message("user", "  What\n is this? /think ")};
  for (const char* source :
       {"{{ messages[0].content | upper }}", "{{ messages[0].content.split() | join(' ') }}",
        "{{ messages[0].content | tojson }}", "{{ messages[0].content | length }}",
        "{{ messages[0].content | replace('/think', '') | trim }}", "{{ messages[0].content | list }}"})
    EXPECT_EQ(render(source, spoken).left_out, std::nullopt) << source;
}

TEST(ContentForms, MissNothingInBlankMessagesAndShortenedAnswers) {
  EXPECT_EQ(render("x", {message("user", " \n"), {{"role", "user"}}}).left_out, std::nullopt);
  const std::string shortens =
      "{% for m in messages %}{{ m.role }}:{% if m.role == 'user' or loop.last %}{{ m.content }}{% endif "
      "%};{% "
      "endfor %}";
  EXPECT_EQ(
      render(shortens, {message("user", "a"), message("assistant", "b"), message("user", "c")}).left_out,
      std::nullopt);
}

TEST(ContentForms, KeepATemplatesOwnWordsAboutWhatItRefuses) {
  const text::ChatTemplate chat_template(
      "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ "
      "messages[0].content }}",
      {});
  const ContentForms forms(chat_template);
  const Json messages = {message("system", "a"), message("user", "b")};
  EXPECT_EQ(forms.in_form(messages), messages);
}

}  // namespace
}  // namespace yoke::session
