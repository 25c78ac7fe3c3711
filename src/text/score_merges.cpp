#include "text/score_merges.h"

#include <algorithm>
#include <cstddef>
#include <functional>

#include "base/error.h"
#include "base/utf8.h"

namespace yoke::text {
namespace {

// Cutting takes time that grows with the square of the length. SentencePiece's own limit is 16 characters.
constexpr std::size_t longest_merged = 1024;

/// Normal tokens, which alone are merged.
Ids ids_of_normal(const Vocabulary& vocabulary) {
  Ids ids;
  for (Token id = 0; id < vocabulary.size(); ++id)
    if (vocabulary.types[id] == TokenType::normal && !vocabulary.tokens[id].empty())
      ids.emplace(vocabulary.tokens[id], id);
  return ids;
}

/// By token: how many different scores of normal tokens are higher.
std::vector<std::uint32_t> ranks_of(const Vocabulary& vocabulary, std::span<const double> scores) {
  std::vector<double> descending;
  for (Token id = 0; id < vocabulary.size(); ++id)
    if (vocabulary.types[id] == TokenType::normal) descending.push_back(scores[id]);
  std::sort(descending.begin(), descending.end(), std::greater<>());
  descending.erase(std::unique(descending.begin(), descending.end()), descending.end());
  std::vector<std::uint32_t> ranks;
  ranks.reserve(scores.size());
  for (const double score : scores) {
    const auto place = std::lower_bound(descending.begin(), descending.end(), score, std::greater<>());
    ranks.push_back(static_cast<std::uint32_t>(place - descending.begin()));
  }
  return ranks;
}

}  // namespace

Symbols character_symbols(const Vocabulary& vocabulary) {
  const Ids ids = ids_of_normal(vocabulary);
  Symbols symbols;
  Token next = vocabulary.size();
  for (Token id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.types[id] != TokenType::normal) continue;
    for (std::string_view rest = vocabulary.tokens[id]; !rest.empty();) {
      const std::string_view character = rest.substr(0, front_unit(rest).bytes);
      rest.remove_prefix(character.size());
      if (symbols.contains(character)) continue;
      const auto own = ids.find(character);
      symbols.emplace(character, own != ids.end() ? own->second : next++);
    }
  }
  return symbols;
}

std::vector<Bpe::Merge> merges_by_score(const Vocabulary& vocabulary, std::span<const double> scores,
                                        const Symbols& symbols) {
  const std::vector<std::uint32_t> ranks = ranks_of(vocabulary, scores);
  Ids parts = ids_of_normal(vocabulary);
  parts.insert(symbols.begin(), symbols.end());  // a character that is a token has one entry

  std::vector<Bpe::Merge> merges;
  for (Token id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.types[id] != TokenType::normal) continue;
    const std::string_view token = vocabulary.tokens[id];
    require(token.size() <= longest_merged,
            "token {} in tokenizer.ggml.tokens has {} bytes; one that is merged from others has at most {}",
            id, token.size(), longest_merged);
    if (token.empty()) continue;
    for (std::size_t cut = front_unit(token).bytes; cut < token.size();
         cut += front_unit(token.substr(cut)).bytes) {
      const auto left = parts.find(token.substr(0, cut));
      if (left == parts.end()) continue;
      const auto right = parts.find(token.substr(cut));
      if (right != parts.end()) merges.push_back({left->second, right->second, id, ranks[id]});
    }
  }
  return merges;
}

}  // namespace yoke::text
