#include "jinja/token_stream.h"

#include "base/printable.h"

namespace yoke::jinja {
namespace {

std::string describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::text:
      return "text";
    case Token::Kind::expression_begin:
      return "{{";
    case Token::Kind::expression_end:
      return "}}";
    case Token::Kind::block_begin:
      return "{%";
    case Token::Kind::block_end:
      return "%}";
    case Token::Kind::string:
      return "a string";
    case Token::Kind::end:
      return "the end of the template";
    default:
      return printable(token.text);
  }
}

}  // namespace

Token TokenStream::next() {
  if (is(Token::Kind::end)) return peek();
  return std::move(tokens_[place_++]);
}

bool TokenStream::is_name(std::string_view name, std::size_t ahead) const {
  return peek(ahead).kind == Token::Kind::name && peek(ahead).text == name;
}

bool TokenStream::is_operator(std::string_view op) const {
  return is(Token::Kind::operator_) && peek().text == op;
}

bool TokenStream::skip_name(std::string_view name) {
  if (!is_name(name)) return false;
  next();
  return true;
}

bool TokenStream::skip_operator(std::string_view op) {
  if (!is_operator(op)) return false;
  next();
  return true;
}

void TokenStream::expect_operator(std::string_view op) {
  if (!skip_operator(op)) fail_expected(op);
}

std::string TokenStream::expect_name() {
  if (!is(Token::Kind::name)) fail_expected("a name");
  return next().text;
}

void TokenStream::expect(Token::Kind kind, std::string_view what) {
  if (!is(kind)) fail_expected(what);
  next();
}

void TokenStream::fail_expected(std::string_view what) const {
  fail_here("expected {}, found {}", what, describe(peek()));
}

TokenStream::Nested::Nested(TokenStream& stream) : stream_(stream) {
  if (stream.nested_ >= max_depth)
    stream.fail_here("blocks and expressions lie in each other more than {} levels deep", max_depth);
  ++stream.nested_;
}

void TokenStream::check_chain(std::uint32_t links) const {
  if (links > max_depth)
    fail_here("a chain of attributes, calls and filters has more than {} links", max_depth);
}

}  // namespace yoke::jinja
