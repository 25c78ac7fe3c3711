// Which pages of the KV cache hold what follows from which tokens, so that sequences that begin alike compute
// their beginning once. Pure: no tensors, no clock, no communication.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <tuple>
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

/// The pages of consecutive tokens: all, and those from page `window_first` on of layers that keep a window.
struct PrefixPages {
  std::vector<Page> all;
  std::vector<Page> window;
  std::int32_t window_first = 0;
};

/// Prefixes of full pages, as a tree: a page hangs below that of the tokens before its own. The index holds
/// each page that it knows, and whoever holds one holds those above it, too. Where layers keep a window, a
/// page may have one of theirs beside it: a prefix can be gone on from where those that the window reaches
/// are there.
class PrefixIndex {
 public:
  /// The pools outlive it. `window`: positions; 0: no layer has pages of its own.
  PrefixIndex(PagePool& pages, PagePool& windows, std::int32_t window)
      : pages_(pages), windows_(windows), window_(window) {}
  PrefixIndex(const PrefixIndex&) = delete;
  PrefixIndex& operator=(const PrefixIndex&) = delete;

  /// The pages of the longest known prefix of `tokens`, at most so many tokens as `most`, each held once more
  /// for the caller. Only what was published with the same salt and computed in the same form is found.
  PrefixPages find(std::span<const Token> tokens, std::size_t most, const PrefixKind& kind);

  /// Makes the first pages of `pages`, which `tokens` fill exactly, known; the caller holds each. Where a
  /// page of the same tokens is known already, the caller is given that one and its own is dropped.
  void publish(std::span<const Token> tokens, const PrefixKind& kind, PrefixPages& pages);

  /// Forgets, of the pages that nobody else holds and that nothing known hangs below, the one whose last use
  /// is longest ago. False where there is none.
  bool evict();
  /// The same of a window's page, whose tokens stay known: of those used last at once, the first.
  bool evict_window();

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
    // NOLINTNEXTLINE(modernize-use-nullptr): it takes what the compiler compares with for a pointer
    auto operator<=>(const Key&) const = default;
  };
  struct Node {
    Page page;
    std::int32_t depth;      // pages above it
    std::uint64_t used;      // when, in uses of the index
    std::int32_t below = 0;  // pages that hang below it
    Page window = none;      // the window's page of its tokens
  };
  static constexpr Page none = -1;
  using Nodes = std::map<Key, Node>;
  static constexpr Page root = -1;

  static Key key_of(std::span<const Token> tokens, std::size_t page, Page above, const PrefixKind& kind);
  void touch(Nodes::iterator node);
  Nodes::iterator add(const Key& key, std::int32_t depth, Page page);
  void share_window(Nodes::iterator node, Page& page);
  void drop_window(Nodes::iterator node);
  std::size_t resumable(const std::vector<Nodes::iterator>& path) const;
  void remove(Nodes::iterator node);

  PagePool& pages_;
  PagePool& windows_;
  const std::int32_t window_;
  Nodes nodes_;
  std::map<Page, Nodes::iterator> by_page_;
  std::set<std::pair<std::uint64_t, Page>> leaves_;  // nothing hangs below them; by their last use
  std::set<std::tuple<std::uint64_t, std::int32_t, Page>> windowed_;  // that have one; by use and depth
  std::uint64_t uses_ = 0;
};

}  // namespace yoke::runtime
