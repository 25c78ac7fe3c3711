// Byte-pair encoding: from a piece's smallest tokens to its final ones.
// Sennrich, Haddow, Birch: Neural Machine Translation of Rare Words with Subword Units (2016).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace yoke::text {

/// The merges of a vocabulary. Immutable; may be used from any thread, each with its own scratch.
class Bpe {
 public:
  struct Merge {
    Token left, right, result;  // not negative
    std::uint32_t rank;         // the lower, the more wanted; below 2³² − 1
  };
  /// Throws Error where a pair occurs twice.
  explicit Bpe(std::span<const Merge> merges);

  /// Memory that calls reuse; what it holds between them means nothing.
  class Scratch {
    friend class Bpe;
    struct Symbol {
      Token token;
      std::uint32_t previous, next;  // places of the neighbours that are left
      std::uint32_t rank;            // of the merge with the next one
    };
    std::vector<Symbol> symbols;
    std::vector<std::uint64_t> candidates;  // a heap: rank, then place; some are out of date
  };

  /// Appends to `out` what is left of `piece` after merging: as long as neighbours have a merge, that of the
  /// lowest rank is done, the leftmost first. n log n in the length of the piece, which must be below 2³¹.
  void merge(std::span<const Token> piece, std::vector<Token>& out, Scratch& scratch) const;

 private:
  static constexpr std::uint32_t no_rank = 0xFFFFFFFF;

  /// A hash table with open addressing: a merge is looked for a dozen times per word.
  struct Slot {
    std::uint64_t pair;
    std::uint32_t rank;
    Token result;
  };
  const Slot& slot_of(std::uint64_t pair) const { return slots_[place_of(pair)]; }
  std::size_t place_of(std::uint64_t pair) const;  // where the pair is or belongs
  std::uint32_t rank_of(Token left, Token right) const;

  std::vector<Slot> slots_;  // a power of two; never more than half are taken
  int shift_;                // 64 − log2(slots)
};

}  // namespace yoke::text
