#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <functional>

#include "base/error.h"

namespace yoke::text {
namespace {

constexpr std::uint64_t empty = ~std::uint64_t{0};  // no pair: tokens are not negative
constexpr std::uint32_t nowhere = 0xFFFFFFFF;

std::uint64_t pair_of(Token left, Token right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

std::uint64_t candidate(std::uint32_t rank, std::uint32_t place) { return std::uint64_t{rank} << 32 | place; }

}  // namespace

Bpe::Bpe(std::span<const Merge> merges) {
  const std::size_t capacity = std::bit_ceil(std::max<std::size_t>(2 * merges.size(), 2));
  shift_ = 64 - std::countr_zero(capacity);
  slots_.assign(capacity, Slot{empty, no_rank});
  results_.reserve(merges.size());
  for (const Merge& merge : merges) {
    const std::uint64_t pair = pair_of(merge.left, merge.right);
    Slot& slot = slots_[slot_of(pair)];
    require(slot.pair == empty, "merges {} and {} join the same pair of tokens, {} and {}", slot.rank,
            results_.size(), merge.left, merge.right);
    slot = {pair, static_cast<std::uint32_t>(results_.size())};
    results_.push_back(merge.result);
  }
}

std::size_t Bpe::slot_of(std::uint64_t pair) const {
  std::size_t slot = (pair * 0x9E3779B97F4A7C15) >> shift_;
  while (slots_[slot].pair != pair && slots_[slot].pair != empty) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

std::uint32_t Bpe::rank_of(Token left, Token right) const {
  return slots_[slot_of(pair_of(left, right))].rank;
}

void Bpe::merge(std::span<const Token> piece, std::vector<Token>& out, Scratch& scratch) const {
  assert(piece.size() < std::size_t{1} << 31);
  auto& symbols = scratch.symbols;
  auto& candidates = scratch.candidates;
  symbols.clear();
  candidates.clear();

  const auto n = static_cast<std::uint32_t>(piece.size());
  for (std::uint32_t i = 0; i < n; ++i) {
    const bool last = i + 1 == n;
    const std::uint32_t rank = last ? no_rank : rank_of(piece[i], piece[i + 1]);
    symbols.push_back({piece[i], i == 0 ? nowhere : i - 1, last ? nowhere : i + 1, rank});
    if (rank != no_rank) candidates.push_back(candidate(rank, i));
  }
  std::make_heap(candidates.begin(), candidates.end(), std::greater<>());

  const auto rank_anew = [&](std::uint32_t place) {
    auto& symbol = symbols[place];
    symbol.rank = symbol.next == nowhere ? no_rank : rank_of(symbol.token, symbols[symbol.next].token);
    if (symbol.rank == no_rank) return;
    candidates.push_back(candidate(symbol.rank, place));
    std::push_heap(candidates.begin(), candidates.end(), std::greater<>());
  };

  while (!candidates.empty()) {
    std::pop_heap(candidates.begin(), candidates.end(), std::greater<>());
    const auto rank = static_cast<std::uint32_t>(candidates.back() >> 32);
    const auto place = static_cast<std::uint32_t>(candidates.back());
    candidates.pop_back();
    auto& left = symbols[place];
    if (left.rank != rank) continue;  // one of the two has been merged since

    auto& right = symbols[left.next];
    left.token = results_[rank];
    left.next = right.next;
    right.rank = no_rank;
    if (left.next != nowhere) symbols[left.next].previous = place;
    rank_anew(place);
    if (left.previous != nowhere) rank_anew(left.previous);
  }

  for (std::uint32_t i = 0; i < n; i = symbols[i].next) {
    out.push_back(symbols[i].token);
    if (symbols[i].next == nowhere) break;
  }
}

}  // namespace yoke::text
