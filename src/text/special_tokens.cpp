#include "text/special_tokens.h"

#include <cassert>

namespace yoke::text {
namespace {

unsigned index(char byte) { return static_cast<unsigned char>(byte); }

}  // namespace

SpecialTokens::SpecialTokens() : first_{}, tokens_{no_token} {}

void SpecialTokens::add(std::string_view text, Token token) {
  assert(!text.empty());
  Node node = 0;
  for (const char byte : text) {
    const Node fresh = static_cast<Node>(tokens_.size());
    Node& next = node == 0 ? first_[index(byte)] : children_[std::uint64_t{node} << 8 | index(byte)];
    if (next == no_node) {
      next = fresh;
      tokens_.push_back(no_token);
    }
    node = next;
  }
  tokens_[node] = token;
}

SpecialTokens::Node SpecialTokens::child(Node node, char byte) const {
  const auto found = children_.find(std::uint64_t{node} << 8 | index(byte));
  return found == children_.end() ? no_node : found->second;
}

std::optional<SpecialTokens::Match> SpecialTokens::find(std::string_view text) const {
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    std::optional<Match> longest;
    Node node = first_[index(text[begin])];
    for (std::size_t end = begin + 1; node != no_node; ++end) {
      if (tokens_[node] != no_token) longest = Match{begin, end - begin, tokens_[node]};
      node = end < text.size() ? child(node, text[end]) : no_node;
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

}  // namespace yoke::text
