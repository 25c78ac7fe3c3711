#include "runtime/prefix_index.h"

#include <algorithm>
#include <cassert>

namespace yoke::runtime {
namespace {

/// Gives whoever holds `mine` the page that is known instead.
void exchange(PagePool& pool, Page& mine, Page known) {
  if (mine == known) return;
  pool.hold(known);
  pool.drop(std::exchange(mine, known));
}

}  // namespace

PrefixPages PrefixIndex::find(std::span<const Token> tokens, std::size_t most, const PrefixKind& kind) {
  ++uses_;
  std::vector<Nodes::iterator> path;
  const std::size_t full = std::min(tokens.size(), most) / ops::page_positions;
  for (Page above = root; path.size() < full; above = path.back()->second.page) {
    const auto node = nodes_.find(key_of(tokens, path.size(), above, kind));
    if (node == nodes_.end()) break;
    path.push_back(node);
  }
  path.resize(resumable(path));
  PrefixPages found;
  const auto end = static_cast<std::int32_t>(path.size()) * ops::page_positions;
  found.window_first = first_seen(end, pools_.window) / ops::page_positions;
  for (const Nodes::iterator node : path) {
    touch(node);
    pools_.pages.hold(node->second.page);
    found.all.push_back(node->second.page);
    if (pools_.window == 0 || node->second.depth < found.window_first) continue;
    pools_.windows.hold(node->second.beside[window]);
    found.window.push_back(node->second.beside[window]);
  }
  if (pools_.recurrent && !path.empty()) {
    const Page kept = path.back()->second.beside[state];
    pools_.states.hold(kept);
    found.states.push_back({static_cast<std::int32_t>(path.size()), kept});
  }
  return found;
}

/// The most pages of the path after which a sequence can go on.
std::size_t PrefixIndex::resumable(const std::vector<Nodes::iterator>& path) const {
  std::size_t longest = 0;
  std::int32_t present = 0;  // window pages one after the other, up to here
  for (std::size_t n = 1; n <= path.size(); ++n) {
    const Node& last = path[n - 1]->second;
    present = last.beside[window] == none ? 0 : present + 1;
    const auto pages = static_cast<std::int32_t>(n);
    const std::int32_t seen =
        pages - first_seen(pages * ops::page_positions, pools_.window) / ops::page_positions;
    const bool windowed = pools_.window == 0 || present >= seen;
    if (windowed && (!pools_.recurrent || last.beside[state] != none)) longest = n;
  }
  return longest;
}

void PrefixIndex::publish(std::span<const Token> tokens, const PrefixKind& kind, PrefixPages& pages) {
  assert(tokens.size() % ops::page_positions == 0);
  ++uses_;
  std::vector<Nodes::iterator> path;
  const auto n = static_cast<std::int32_t>(tokens.size()) / ops::page_positions;
  for (std::int32_t i = 0; i < n; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const Key key = key_of(tokens, at, path.empty() ? root : path.back()->second.page, kind);
    Nodes::iterator node = nodes_.find(key);
    if (node == nodes_.end()) {
      node = add(key, i, pages.all[at]);
    } else {
      touch(node);
      exchange(pools_.pages, pages.all[at], node->second.page);
    }
    const std::int32_t of_window = i - pages.window_first;
    if (of_window >= 0 && of_window < std::ssize(pages.window))
      share_beside(window, node, pages.window[static_cast<std::size_t>(of_window)]);
    path.push_back(node);
  }
  take_states(path, pages.states);
}

/// Of states after pages of the path; where one is known already, that stays.
void PrefixIndex::take_states(const std::vector<Nodes::iterator>& path, std::vector<KeptState>& states) {
  std::erase_if(states, [&](KeptState& kept) {
    if (kept.pages > std::ssize(path)) return false;
    share_beside(state, path[static_cast<std::size_t>(kept.pages - 1)], kept.state);
    pools_.states.drop(kept.state);
    return true;
  });
}

/// What is known beside the node, or now is, is the caller's, too.
void PrefixIndex::share_beside(Beside what, Nodes::iterator node, Page& mine) {
  Page& known = node->second.beside[what];
  if (known != none) return exchange(pool(what), mine, known);
  pool(what).hold(mine);
  known = mine;
  having_[what].insert({node->second.used, node->second.depth, node->second.page});
}

bool PrefixIndex::evict_beside(Beside what) {
  const ByUse& having = having_[what];
  const auto unheld = std::find_if(having.begin(), having.end(), [&](const auto& each) {
    return pool(what).holders(by_page_.at(std::get<2>(each))->second.beside[what]) == 1;
  });
  if (unheld == having.end()) return false;
  drop_beside(what, by_page_.at(std::get<2>(*unheld)));
  return true;
}

void PrefixIndex::drop_beside(Beside what, Nodes::iterator node) {
  Node& known = node->second;
  having_[what].erase({known.used, known.depth, known.page});
  pool(what).drop(std::exchange(known.beside[what], none));
}

bool PrefixIndex::evict() {
  const auto unheld = std::find_if(leaves_.begin(), leaves_.end(), [this](const auto& leaf) {
    return pools_.pages.holders(leaf.second) == 1;
  });
  if (unheld == leaves_.end()) return false;
  remove(by_page_.at(unheld->second));
  return true;
}

PrefixIndex::Key PrefixIndex::key_of(std::span<const Token> tokens, std::size_t page, Page above,
                                     const PrefixKind& kind) {
  const auto first = static_cast<std::int32_t>(page) * ops::page_positions;
  Key key{kind.salt, above, kind.forms.expanded(first), {}};
  std::copy_n(tokens.begin() + first, ops::page_positions, key.tokens.begin());
  return key;
}

void PrefixIndex::touch(Nodes::iterator node) {
  Node& touched = node->second;
  if (leaves_.erase({touched.used, touched.page}) > 0) leaves_.insert({uses_, touched.page});
  for (ByUse& having : having_) {
    if (having.erase({touched.used, touched.depth, touched.page}) > 0)
      having.insert({uses_, touched.depth, touched.page});
  }
  touched.used = uses_;
}

PrefixIndex::Nodes::iterator PrefixIndex::add(const Key& key, std::int32_t depth, Page page) {
  pools_.pages.keep(page);
  const auto node = nodes_.emplace(key, Node{page, depth, uses_}).first;
  by_page_.emplace(page, node);
  leaves_.insert({uses_, page});
  if (key.above != root) {
    Node& above = by_page_.at(key.above)->second;
    if (above.below++ == 0) leaves_.erase({above.used, above.page});
  }
  return node;
}

void PrefixIndex::remove(Nodes::iterator node) {
  const Page page = node->second.page;
  assert(node->second.below == 0);
  for (const Beside what : both) {
    if (node->second.beside[what] != none) drop_beside(what, node);
  }
  leaves_.erase({node->second.used, page});
  if (node->first.above != root) {
    Node& above = by_page_.at(node->first.above)->second;
    if (--above.below == 0) leaves_.insert({above.used, above.page});
  }
  by_page_.erase(page);
  nodes_.erase(node);
  pools_.pages.drop_kept(page);
}

}  // namespace yoke::runtime
