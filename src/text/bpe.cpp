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

std::size_t first_of(std::span<const Bpe::Merge> merges, std::uint64_t pair) {
  std::size_t i = 0;
  while (pair_of(merges[i].left, merges[i].right) != pair) ++i;
  return i;
}

std::uint64_t candidate(std::uint32_t rank, std::uint32_t place) { return std::uint64_t{rank} << 32 | place; }

}  // namespace

Bpe::Bpe(std::span<const Merge> merges) {
  const std::size_t capacity = std::bit_ceil(std::max<std::size_t>(2 * merges.size(), 2));
  shift_ = 64 - std::countr_zero(capacity);
  slots_.assign(capacity, Slot{empty, no_rank, 0});
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const Merge& merge = merges[i];
    const std::uint64_t pair = pair_of(merge.left, merge.right);
    Slot& slot = slots_[place_of(pair)];
    if (slot.pair == pair)
      fail("merges {} and {} join the same pair of tokens, {} and {}", first_of(merges, pair), i, merge.left,
           merge.right);
    slot = {pair, merge.rank, merge.result};
  }
}

std::size_t Bpe::place_of(std::uint64_t pair) const {
  std::size_t place = (pair * 0x9E3779B97F4A7C15) >> shift_;
  while (slots_[place].pair != pair && slots_[place].pair != empty) place = (place + 1) & (slots_.size() - 1);
  return place;
}

std::uint32_t Bpe::rank_of(Token left, Token right) const { return slot_of(pair_of(left, right)).rank; }

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
    left.token = slot_of(pair_of(left.token, right.token)).result;
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
