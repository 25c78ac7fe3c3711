// Any bytes survive as a chat template, within the limits of one rendering: they are refused, or make text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "jinja/interpreter.h"
#include "jinja/parser.h"

namespace {

using namespace yoke::text;
using jinja::Value;

void check(bool holds) {
  if (!holds) std::abort();
}

Value message(std::string role, std::string content) {
  std::vector<std::pair<Value, Value>> entries;
  entries.emplace_back(Value::text("role"), Value::text(std::move(role)));
  entries.emplace_back(Value::text("content"), Value::text(std::move(content)));
  return Value::mapping(std::move(entries));
}

jinja::Inputs inputs() {
  jinja::Inputs all;
  all.variables.emplace_back("bos_token", Value::text("<s>"));
  all.variables.emplace_back("messages", Value::list({message("system", ""), message("user", " Hi\n"),
                                                      message("assistant", "naïve 😀")}));
  all.variables.emplace_back("tools", Value::none());
  all.variables.emplace_back("add_generation_prompt", Value::boolean(true));
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const jinja::Inputs given = inputs();
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  try {
    check(is_utf8(jinja::run(jinja::parse(source), given, {.steps = 5'000, .nesting = 200})));
  } catch (const yoke::Error& error) {
    check(std::string_view(error.what()).starts_with("line ") || !is_utf8(source));
  }
  return 0;
}
