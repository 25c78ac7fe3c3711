#include "jinja/lexer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/printable.h"
#include "base/utf8.h"
#include "jinja/characters.h"

namespace yoke::jinja {
namespace {

/// One line break for all kinds of them; none at the end of the template.
std::string with_plain_line_breaks(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    text += source[i] == '\r' ? '\n' : source[i];
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

constexpr std::array<std::string_view, 26> operators = {  // the longer ones first
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (place_ < source_.size()) read_text();
    add(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(place_); }
  bool at(std::string_view text) const { return rest().starts_with(text); }

  void advance(std::size_t bytes) {
    const std::string_view passed = rest().substr(0, bytes);
    line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
    if (!passed.empty()) line_begins_ = passed.back() == '\n';
    place_ += passed.size();
  }

  void add(Token::Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  template <class... Args>
  [[noreturn]] void fail_here(fmt::format_string<Args...> format, Args&&... args) const {
    fail("line {}: {}", line_, fmt::format(format, std::forward<Args>(args)...));
  }

  /// Text up to the next block, and the block.
  void read_text() {
    const std::size_t begin = find_begin();
    std::string_view text = rest().substr(0, begin);
    const std::string_view block = rest().substr(begin);
    const char sign = block.size() > 2 ? block[2] : ' ';
    std::string_view kept = text;
    if (sign == '-' && !block.empty()) {
      kept = stripped(text, Side::right);
    } else if (sign != '+' && !block.empty() && block[1] != '{') {
      kept = without_margin(text);
    }
    if (!kept.empty()) add(Token::Kind::text, std::string(kept));
    advance(text.size());
    if (block.empty()) return;
    const bool signed_ = sign == '-' || sign == '+';
    if (block[1] == '#') return skip_comment();
    if (const std::optional<std::size_t> raw = length_of_raw_begin()) return read_raw(*raw);
    add(block[1] == '{' ? Token::Kind::expression_begin : Token::Kind::block_begin, "");
    const bool expression = block[1] == '{';
    advance(signed_ ? 3 : 2);
    read_inside(expression);
  }

  std::size_t find_begin() const {
    const std::string_view text = rest();
    for (std::size_t i = text.find('{'); i != std::string_view::npos; i = text.find('{', i + 1))
      if (i + 1 < text.size() && (text[i + 1] == '{' || text[i + 1] == '%' || text[i + 1] == '#')) return i;
    return text.size();
  }

  /// Without the white space at its end, where nothing but that stands before it on its line.
  std::string_view without_margin(std::string_view text) const {
    const std::size_t line = text.rfind('\n') + 1;  // 0 where there is none
    if (line == 0 && !line_begins_) return text;
    return stripped(text.substr(line), Side::both).empty() ? text.substr(0, line) : text;
  }

  void skip_comment() {
    const std::size_t end = rest().find("#}", 2);
    if (end == std::string_view::npos) fail_here("the comment has no end, #}}");
    const char sign = source_[place_ + end - 1];
    const bool has_sign = end > 2 && (sign == '-' || sign == '+');
    advance(end + 2);
    trim_after_block(has_sign ? sign : ' ');
  }

  /// After %} or #}, which has eaten nothing yet.
  void trim_after_block(char sign) {
    if (sign == '-')
      advance(rest().size() - stripped(rest(), Side::left).size());
    else if (sign != '+' && at("\n"))
      advance(1);
  }

  /// Of {% raw %} where it stands here.
  std::optional<std::size_t> length_of_raw_begin() const { return length_of_block("raw"); }

  std::optional<std::size_t> length_of_block(std::string_view name) const {
    std::string_view text = rest();
    if (!text.starts_with("{%")) return std::nullopt;
    text.remove_prefix(2);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    text = stripped(text, Side::left);
    if (!text.starts_with(name)) return std::nullopt;
    text = stripped(text.substr(name.size()), Side::left);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (!text.starts_with("%}")) return std::nullopt;
    return rest().size() - text.size() + 2;
  }

  void read_raw(std::size_t length) {
    advance(length);
    if (source_[place_ - 3] == '-') trim_after_block('-');
    const std::size_t begin = place_;
    while (place_ < source_.size()) {
      const std::optional<std::size_t> end = length_of_block("endraw");
      if (!end) {
        advance(1);
        continue;
      }
      std::string_view text = std::string_view(source_).substr(begin, place_ - begin);
      if (source_[place_ + 2] == '-')
        text = stripped(text, Side::right);
      else if (source_[place_ + 2] != '+')
        text = without_margin_in_raw(text);
      if (!text.empty()) add(Token::Kind::text, std::string(text));
      advance(*end);
      return trim_after_block(source_[place_ - 3]);
    }
    fail_here("the raw block has no end");
  }

  static std::string_view without_margin_in_raw(std::string_view text) {
    const std::size_t line = text.rfind('\n') + 1;
    return line > 0 && stripped(text.substr(line), Side::both).empty() ? text.substr(0, line) : text;
  }

  /// The tokens of a block, and its end.
  void read_inside(bool expression) {
    const int first_line = line_;
    open_.clear();
    while (true) {
      advance(rest().size() - stripped(rest(), Side::left).size());
      if (place_ == source_.size())
        fail("line {}: {} has no end", first_line, expression ? "the expression" : "the block");
      if (open_.empty() && read_end(expression)) return;
      read_token();
    }
  }

  bool read_end(bool expression) {
    const std::string_view end = expression ? "}}" : "%}";
    const bool has_sign = (at("-") || (at("+") && !expression)) && rest().substr(1).starts_with(end);
    if (!has_sign && !at(end)) return false;
    const char sign = has_sign ? rest()[0] : ' ';
    add(expression ? Token::Kind::expression_end : Token::Kind::block_end, "");
    advance(has_sign ? 3 : 2);
    if (!expression || sign == '-') trim_after_block(sign);
    return true;
  }

  void read_token() {
    const char next = source_[place_];
    if (is_digit(next)) return read_number();
    if (next == '\'' || next == '"') return read_string(next);
    if (const std::size_t length = length_of_name(); length > 0) {
      add(Token::Kind::name, std::string(rest().substr(0, length)));
      return advance(length);
    }
    const auto found =
        std::find_if(operators.begin(), operators.end(), [this](std::string_view text) { return at(text); });
    if (found == operators.end())
      fail_here("\"{}\" has no meaning here", printable(rest().substr(0, front_character(rest()).bytes)));
    keep_balance(*found);
    add(Token::Kind::operator_, std::string(*found));
    advance(found->size());
  }

  std::size_t length_of_name() const {
    std::size_t length = 0;
    for (std::string_view text = rest(); !text.empty() && is_identifier(front_character(text).code);
         text = rest().substr(length))
      length += front_character(text).bytes;
    return length;
  }

  /// Within brackets }} and %} end nothing: {{ {'a': {}} }}.
  void keep_balance(std::string_view op) {
    if (op == "(" || op == "[" || op == "{") open_ += op == "(" ? ')' : op == "[" ? ']' : '}';
    if (op != ")" && op != "]" && op != "}") return;
    if (open_.empty() || open_.back() != op[0]) fail_here("\"{}\" closes nothing", op);
    open_.pop_back();
  }

  void read_number() {
    const std::string_view text = rest();
    std::size_t end = digits(text, 0);
    bool integer = true;
    if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
      end = digits(text, end + 1);
      integer = false;
    }
    if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
      std::size_t exponent = end + 1;
      if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) ++exponent;
      if (exponent < text.size() && is_digit(text[exponent])) {
        end = digits(text, exponent);
        integer = false;
      }
    }
    std::string number(text.substr(0, end));
    number.erase(std::remove(number.begin(), number.end(), '_'), number.end());
    add(integer ? Token::Kind::integer : Token::Kind::number, std::move(number));
    advance(end);
  }

  /// The end of the digits that begin at `place`; single underscores may stand between them.
  static std::size_t digits(std::string_view text, std::size_t place) {
    while (place < text.size() && (is_digit(text[place]) || (text[place] == '_' && place + 1 < text.size() &&
                                                             is_digit(text[place + 1]))))
      ++place;
    return place;
  }

  void read_string(char quote) {
    std::string_view text = rest().substr(1);
    std::string meaning;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == quote) {
        add(Token::Kind::string, std::move(meaning));
        return advance(i + 2);
      }
      if (text[i] == '\\' && i + 1 < text.size())
        i += append_escape(text.substr(i + 1), meaning);
      else
        meaning += text[i];
    }
    fail_here("the string has no end");
  }

  /// What a backslash before `text` means; returns how many bytes of `text` it takes. Python reference,
  /// "String and Bytes literals"; a backslash that means nothing stands for itself.
  std::size_t append_escape(std::string_view text, std::string& meaning) const {
    static constexpr std::string_view plain = "\\'\"abfnrtv";
    static constexpr std::string_view means = "\\'\"\a\b\f\n\r\t\v";
    const char c = text[0];
    if (c == '\n') return 1;
    if (const std::size_t i = plain.find(c); i != std::string_view::npos) {
      meaning += means[i];
      return 1;
    }
    if (c >= '0' && c <= '7') return append_code(text, 0, 3, 8, meaning);
    if (c == 'x') return append_code(text, 1, 2, 16, meaning);
    if (c == 'u') return append_code(text, 1, 4, 16, meaning);
    if (c == 'U') return append_code(text, 1, 8, 16, meaning);
    if (c == 'N') fail_here("characters by name (\\N) are not supported");
    meaning += '\\';
    return 0;
  }

  /// Digits of a character's code from `begin` on, at most `most`: in octal one at least, in hexadecimal all.
  std::size_t append_code(std::string_view text, std::size_t begin, std::size_t most, int base,
                          std::string& meaning) const {
    std::size_t end = begin;
    std::uint32_t code = 0;
    while (end < text.size() && end < begin + most) {
      const char c = text[end];
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : 16;
      if (digit >= base) break;
      code = code * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit);
      ++end;
    }
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    if ((base == 16 && end < begin + most) || code > 0x10FFFF || surrogate)
      fail_here("\"\\{}\" is no character", printable(text.substr(0, end)));
    append_character(static_cast<char32_t>(code), meaning);
    return end;
  }

  std::string source_;
  std::size_t place_ = 0;
  int line_ = 1;
  bool line_begins_ = true;  // whether what stands at `place_` begins a line
  std::string open_;         // the brackets that are to be closed, the last first
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  require(is_utf8(source), "it is not UTF-8");
  return Lexer(with_plain_line_breaks(source)).run();
}

}  // namespace yoke::jinja
