// The merges that are written in a SentencePiece vocabulary between the lines.
#pragma once

#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/bpe.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace yoke::text {

/// The characters that tokens are merged from. One that is no token has a symbol beyond the vocabulary.
using Symbols = std::unordered_map<std::string_view, Token>;

/// A symbol for each character that occurs in the normal tokens of `vocabulary`, which must outlive this.
Symbols character_symbols(const Vocabulary& vocabulary);

/// SentencePiece joins the two neighbours that make the token of the highest score, the leftmost of equal
/// ones first. As merges: every way to cut a normal token into two that are normal tokens or symbols, ranked
/// by the token's score. `scores` are by id. Throws Error where a token is too long to be cut in every way.
std::vector<Bpe::Merge> merges_by_score(const Vocabulary& vocabulary, std::span<const double> scores,
                                        const Symbols& symbols);

}  // namespace yoke::text
