// A template's tokens as a parser reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "jinja/budget.h"
#include "jinja/lexer.h"

namespace yoke::jinja {

class TokenStream {
 public:
  /// `tokens` end with Kind::end.
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[place_ + ahead < tokens_.size() ? place_ + ahead : tokens_.size() - 1];
  }
  int line() const { return peek().line; }
  /// What stands there, for good; the end stays where it is.
  Token next();

  bool is(Token::Kind kind) const { return peek().kind == kind; }
  bool is_name(std::string_view name, std::size_t ahead = 0) const;
  bool is_operator(std::string_view op) const;
  bool skip_name(std::string_view name);  // whether it was there
  bool skip_operator(std::string_view op);
  // These throw Error where something else stands there.
  void expect_operator(std::string_view op);
  std::string expect_name();
  void expect(Token::Kind kind, std::string_view what);

  /// Throws Error "line 3: expected …, found …".
  [[noreturn]] void fail_expected(std::string_view what) const;
  template <class... Args>
  [[noreturn]] void fail_here(fmt::format_string<Args...> format, Args&&... args) const {
    fail("line {}: {}", line(), fmt::format(format, std::forward<Args>(args)...));
  }

  /// Held while something is parsed that may hold more of its kind. Throws Error beyond max_depth levels.
  class Nested {
   public:
    explicit Nested(TokenStream& stream);
    ~Nested() { --stream_.nested_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    TokenStream& stream_;
  };
  /// Throws Error where a chain such as a.b.c has more than max_depth links.
  void check_chain(std::uint32_t links) const;

 private:
  std::vector<Token> tokens_;
  std::size_t place_ = 0;
  std::uint32_t nested_ = 0;
};

}  // namespace yoke::jinja
