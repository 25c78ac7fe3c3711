// Finding the tokens that are written out in text ("<|user|>") before it is cut into pieces.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace yoke::text {

/// A set of texts that are tokens. Const members may be called from any thread.
class SpecialTokens {
 public:
  SpecialTokens();

  /// `text` must not be empty.
  void add(std::string_view text, Token token);

  struct Match {
    std::size_t begin, length;  // in bytes
    Token token;
  };
  /// The leftmost token in `text`; of those that begin there, the longest.
  std::optional<Match> find(std::string_view text) const;

 private:
  // A trie: node 0 is the root. Where a walk from the root stops matters more than where it goes: nearly
  // every byte of a text begins no token, so the root's children stand in an array.
  using Node = std::uint32_t;
  static constexpr Node no_node = 0;
  static constexpr Token no_token = -1;

  Node child(Node node, char byte) const;

  std::array<Node, 256> first_;
  std::unordered_map<std::uint64_t, Node> children_;  // by node and byte, for every node but the root
  std::vector<Token> tokens_;                         // by node: the token that ends there
};

}  // namespace yoke::text
