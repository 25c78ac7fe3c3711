#include "jinja/printing.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "jinja/characters.h"

namespace yoke::jinja {
namespace {

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{}", value);  // the shortest that reads back as the same, as in Python
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

void append_escaped(char32_t character, std::string& text) {
  const auto code = static_cast<std::uint32_t>(character);
  if (code < 0x100)
    text += fmt::format("\\x{:02x}", code);
  else if (code < 0x10000)
    text += fmt::format("\\u{:04x}", code);
  else
    text += fmt::format("\\U{:08x}", code);
}

std::string in_quotes(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char32_t quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string result;
  append_character(quote, result);
  for (const char32_t c : to_characters(text)) {
    if (c == '\n')
      result += "\\n";
    else if (c == '\r')
      result += "\\r";
    else if (c == '\t')
      result += "\\t";
    else if (!is_printable(c))
      append_escaped(c, result);
    else {
      if (c == quote || c == '\\') result += '\\';
      append_character(c, result);
    }
  }
  append_character(quote, result);
  return result;
}

/// Appends to one text, and pays for what it appends before it does.
class Writer {
 public:
  explicit Writer(Budget& budget) : budget_(budget) {}
  std::string take() { return std::move(text_); }

 protected:
  void put(std::string_view part) {
    budget_.spend_bytes(part.size());
    text_ += part;
  }
  Budget& budget_;

 private:
  std::string text_;
};

class PythonWriter : public Writer {
 public:
  using Writer::Writer;

  void print(const Value& value) {
    if (value.is_undefined()) return;
    if (const std::string* text = value.if_text()) return put(*text);
    represent(value);
  }

 private:
  void represent(const Value& value) {
    const Value::Storage& of = value.storage();
    if (value.is_undefined()) return put("Undefined");
    if (value.is_none()) return put("None");
    if (const auto* boolean = std::get_if<bool>(&of)) return put(*boolean ? "True" : "False");
    if (const auto* integer = std::get_if<std::int64_t>(&of)) return put(std::to_string(*integer));
    if (const auto* number = std::get_if<double>(&of)) return put(number_text(*number));
    if (const std::string* text = value.if_text()) return represent(*text);
    if (const Sequence* sequence = value.if_sequence()) return represent(*sequence);
    if (const Mapping* mapping = value.if_mapping()) return represent(*mapping);
    fail("{} cannot be printed", value.kind());
  }

  void represent(const std::string& text) {
    budget_.spend_bytes(4 * text.size());
    put(in_quotes(text));
  }

  void represent(const Sequence& sequence) {
    const bool list = sequence.kind == Sequence::Kind::list;
    put(list ? "[" : "(");
    for (std::size_t i = 0; i < sequence.items.size(); ++i) {
      if (i > 0) put(", ");
      represent(sequence.items[i]);
    }
    if (!list && sequence.items.size() == 1) put(",");
    put(list ? "]" : ")");
  }

  void represent(const Mapping& mapping) {
    put("{");
    for (std::size_t i = 0; i < mapping.entries.size(); ++i) {
      if (i > 0) put(", ");
      represent(mapping.entries[i].first);
      put(": ");
      represent(mapping.entries[i].second);
    }
    put("}");
  }
};

void append_json_unit(std::uint32_t unit, std::string& text) { text += fmt::format("\\u{:04x}", unit); }

void append_json_ascii(char32_t character, std::string& text) {
  auto code = static_cast<std::uint32_t>(character);
  if (code < 0x10000) return append_json_unit(code, text);
  code -= 0x10000;
  append_json_unit(0xD800 + (code >> 10), text);
  append_json_unit(0xDC00 + (code & 0x3FF), text);
}

std::string json_string(std::string_view text, bool ascii_only) {
  std::string result = "\"";
  for (const char32_t c : to_characters(text)) {
    if (c == '"' || c == '\\')
      (result += '\\') += static_cast<char>(c);
    else if (c == '\n')
      result += "\\n";
    else if (c == '\r')
      result += "\\r";
    else if (c == '\t')
      result += "\\t";
    else if (c == '\f')
      result += "\\f";
    else if (c == '\b')
      result += "\\b";
    else if (c < 0x20 || (ascii_only && c > 0x7E))
      append_json_ascii(c, result);
    else
      append_character(c, result);
  }
  return result += '"';
}

std::string json_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return number_text(value);
}

class JsonWriter : public Writer {
 public:
  JsonWriter(const JsonStyle& style, Budget& budget) : Writer(budget), style_(style) {}

  void write(const Value& value) {
    if (const std::string* text = value.if_text()) return write_string(*text);
    if (const Sequence* sequence = value.if_sequence()) return write(*sequence);
    if (const Mapping* mapping = value.if_mapping()) return write(*mapping);
    const std::string scalar = scalar_text(value);
    if (scalar.empty()) fail("{} cannot be written as JSON", value.kind());
    put(scalar);
  }

 private:
  static std::string scalar_text(const Value& value) {
    const Value::Storage& of = value.storage();
    if (value.is_none()) return "null";
    if (const auto* boolean = std::get_if<bool>(&of)) return *boolean ? "true" : "false";
    if (const auto* integer = std::get_if<std::int64_t>(&of)) return std::to_string(*integer);
    if (const auto* number = std::get_if<double>(&of)) return json_number(*number);
    return "";
  }

  static std::string key_text(const Value& key) {
    if (const std::string* text = key.if_text()) return *text;
    const std::string scalar = scalar_text(key);
    if (scalar.empty()) fail("{} cannot be a key in JSON", key.kind());
    return scalar;
  }

  void write_string(const std::string& text) {
    budget_.spend_bytes(4 * text.size());
    put(json_string(text, style_.ascii_only));
  }

  void write(const Sequence& sequence) {
    if (sequence.items.empty()) return put("[]");
    put("[");
    ++level_;
    for (std::size_t i = 0; i < sequence.items.size(); ++i) {
      begin_item(i);
      write(sequence.items[i]);
    }
    end_items();
    put("]");
  }

  void write(const Mapping& mapping) {
    if (mapping.entries.empty()) return put("{}");
    std::vector<std::pair<std::string, const Value*>> entries;
    for (const auto& [key, value] : mapping.entries) entries.emplace_back(key_text(key), &value);
    if (style_.sorted_keys)
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto& left, const auto& right) { return left.first < right.first; });
    put("{");
    ++level_;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      begin_item(i);
      write_string(entries[i].first);
      put(style_.after_key);
      write(*entries[i].second);
    }
    end_items();
    put("}");
  }

  void begin_item(std::size_t number) {
    if (number > 0) put(style_.between_items);
    if (style_.pretty) new_line();
  }

  void end_items() {
    --level_;
    if (style_.pretty) new_line();
  }

  void new_line() {
    put("\n");
    for (std::size_t i = 0; i < level_; ++i) put(style_.indent);
  }

  const JsonStyle& style_;
  std::size_t level_ = 0;
};

}  // namespace

std::string to_text(const Value& value, Budget& budget) {
  PythonWriter writer(budget);
  writer.print(value);
  return writer.take();
}

std::string to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  JsonWriter writer(style, budget);
  writer.write(value);
  return writer.take();
}

std::string escaped_as_html(std::string_view text) {
  std::string result;
  for (const char byte : text) {
    if (byte == '&')
      result += "&amp;";
    else if (byte == '<')
      result += "&lt;";
    else if (byte == '>')
      result += "&gt;";
    else if (byte == '\'')
      result += "&#39;";
    else if (byte == '"')
      result += "&#34;";
    else
      result += byte;
  }
  return result;
}

}  // namespace yoke::jinja
