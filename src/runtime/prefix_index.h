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
#include "runtime/forms.h"
#include "runtime/page_pool.h"

namespace yoke::runtime {

/// Whose prefixes are a sequence's own.
struct PrefixKind {
  std::uint64_t salt = 0;
  Forms forms{};
};

/// What recurrent layers know after so many full pages of a sequence, in a pool of its own.
struct KeptState {
  std::int32_t pages = 0;
  Page state = 0;
};

/// The pages of consecutive tokens: all, and those from page `window_first` on of layers that keep a window.
struct PrefixPages {
  std::vector<Page> all;
  std::vector<Page> window;
  std::int32_t window_first = 0;
  std::vector<KeptState> states;  // checkpoints of recurrent layers
};

/// What prefixes are kept in. The pools outlive who has this.
struct PrefixPools {
  PagePool& pages;
  PagePool& windows;
  PagePool& states;
  std::int32_t window = 0;  // positions; 0: no layer has pages of its own
  bool recurrent = false;   // whether there are layers that know a state only
};

/// Prefixes of full pages, as a tree: a page hangs below that of the tokens before its own. The index holds
/// each page that it knows, and whoever holds one holds those above it, too. A page may have beside it one of
/// the layers that keep a window, and the state that recurrent layers had after it: a prefix can be gone on
/// from where the pages are there that the window reaches, and that state.
class PrefixIndex {
 public:
  explicit PrefixIndex(const PrefixPools& pools) : pools_(pools) {}
  PrefixIndex(const PrefixIndex&) = delete;
  PrefixIndex& operator=(const PrefixIndex&) = delete;

  /// The pages of the longest known prefix of `tokens` that can be gone on from, at most so many tokens as
  /// `most`, each held once more for the caller, and so is the one state to go on from. Only what was
  /// published with the same salt and computed in the same form is found.
  PrefixPages find(std::span<const Token> tokens, std::size_t most, const PrefixKind& kind);

  /// Makes the first pages of `pages`, which `tokens` fill exactly, known; the caller holds each. Where a
  /// page of the same tokens is known already, the caller is given that one and its own is dropped. States
  /// after any of these pages are taken from the caller.
  void publish(std::span<const Token> tokens, const PrefixKind& kind, PrefixPages& pages);

  /// Forgets, of the pages that nobody else holds and that nothing known hangs below, the one whose last use
  /// is longest ago. False where there is none.
  bool evict();
  /// The same of a window's page, or of a state; the tokens stay known. Of those used last at once, the
  /// first.
  bool evict_window() { return evict_beside(window); }
  bool evict_state() { return evict_beside(state); }

  /// Pages that it knows, and those of them that nobody else holds: so many can be evicted.
  std::int32_t size() const { return static_cast<std::int32_t>(nodes_.size()); }
  std::int32_t evictable() const { return pools_.pages.only_kept(); }
  /// What it knows beside pages.
  std::int32_t windows() const { return static_cast<std::int32_t>(having_[window].size()); }
  std::int32_t states() const { return static_cast<std::int32_t>(having_[state].size()); }

 private:
  using Tokens = std::array<Token, ops::page_positions>;
  /// Where a page hangs: its salt, the page above it (or `root`), its tokens and their form.
  struct Key {
    std::uint64_t salt;
    Page above;
    bool expanded;  // the page's form
    Tokens tokens;
    // NOLINTNEXTLINE(modernize-use-nullptr): it takes what the compiler compares with for a pointer
    auto operator<=>(const Key&) const = default;
  };
  /// What a page may have beside it.
  enum Beside : std::uint8_t { window, state };
  static constexpr std::array both{window, state};
  static constexpr Page none = -1;
  struct Node {
    Page page;
    std::int32_t depth;      // pages above it
    std::uint64_t used;      // when, in uses of the index
    std::int32_t below = 0;  // pages that hang below it
    std::array<Page, both.size()> beside{none, none};
  };
  using Nodes = std::map<Key, Node>;
  static constexpr Page root = -1;

  static Key key_of(std::span<const Token> tokens, std::size_t page, Page above, const PrefixKind& kind);
  void touch(Nodes::iterator node);
  Nodes::iterator add(const Key& key, std::int32_t depth, Page page);
  PagePool& pool(Beside what) { return what == window ? pools_.windows : pools_.states; }
  void share_beside(Beside what, Nodes::iterator node, Page& mine);
  void drop_beside(Beside what, Nodes::iterator node);
  bool evict_beside(Beside what);
  void take_states(const std::vector<Nodes::iterator>& path, std::vector<KeptState>& states);
  std::size_t resumable(const std::vector<Nodes::iterator>& path) const;
  void remove(Nodes::iterator node);

  const PrefixPools pools_;
  Nodes nodes_;
  std::map<Page, Nodes::iterator> by_page_;
  std::set<std::pair<std::uint64_t, Page>> leaves_;  // nothing hangs below them; by their last use
  using ByUse = std::set<std::tuple<std::uint64_t, std::int32_t, Page>>;  // by use and depth
  std::array<ByUse, both.size()> having_;                                 // that have one beside them
  std::uint64_t uses_ = 0;
};

}  // namespace yoke::runtime
