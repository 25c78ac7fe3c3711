// Which pages of the KV cache hold what follows from which tokens, so that sequences that begin alike compute
// their beginning once. Pure: no tensors, no clock, no communication.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "ops/ops.h"
#include "runtime/engine.h"
#include "runtime/page_pool.h"

namespace yoke::runtime {

/// Whose prefixes are a sequence's own.
struct PrefixKind {
  std::uint64_t salt = 0;
  std::int32_t expanded = 0;  // positions below this were computed in another form: ops::Step
};

/// Prefixes of full pages, as a tree: a page hangs below that of the tokens before its own. The index holds
/// each page that it knows, and whoever holds one holds those above it, too.
class PrefixIndex {
 public:
  /// `pages` outlives it.
  explicit PrefixIndex(PagePool& pages) : pages_(pages) {}
  PrefixIndex(const PrefixIndex&) = delete;
  PrefixIndex& operator=(const PrefixIndex&) = delete;

  /// The pages of the longest known prefix of `tokens`, at most so many tokens as `most`, each held once more
  /// for the caller. Only what was published with the same salt and computed in the same form is found.
  std::vector<Page> find(std::span<const Token> tokens, std::size_t most, const PrefixKind& kind);

  /// Makes the pages of `tokens` known, which fill `pages` exactly; the caller holds each. Where a page of
  /// the same tokens is known already, the caller is given that one and its own is dropped.
  void publish(std::span<const Token> tokens, const PrefixKind& kind, std::span<Page> pages);

  /// Forgets, of the pages that nobody else holds and that nothing known hangs below, the one whose last use
  /// is longest ago. False where there is none.
  bool evict();

  /// Pages that it knows, and those of them that nobody else holds: so many can be evicted.
  std::int32_t size() const { return static_cast<std::int32_t>(nodes_.size()); }
  std::int32_t evictable() const;

 private:
  using Tokens = std::array<Token, ops::page_positions>;
  /// Where a page hangs: its salt, the page above it (or `root`), its tokens and their form.
  struct Key {
    std::uint64_t salt;
    Page above;
    std::int32_t expanded;  // tokens of the page, from the first on
    Tokens tokens;
    auto operator<=>(const Key&) const = default;
  };
  struct Node {
    Page page;
    std::uint64_t used;      // when, in uses of the index
    std::int32_t below = 0;  // pages that hang below it
  };
  using Nodes = std::map<Key, Node>;
  static constexpr Page root = -1;

  static Key key_of(std::span<const Token> tokens, std::size_t page, Page above, const PrefixKind& kind);
  void touch(Nodes::iterator node);
  void add(const Key& key, Page page);
  void remove(Nodes::iterator node);

  PagePool& pages_;
  Nodes nodes_;
  std::map<Page, Nodes::iterator> by_page_;
  std::set<std::pair<std::uint64_t, Page>> leaves_;  // nothing hangs below them; by their last use
  std::uint64_t uses_ = 0;
};

}  // namespace yoke::runtime
