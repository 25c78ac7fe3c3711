#include "runtime/prefix_index.h"

#include <algorithm>
#include <cassert>

namespace yoke::runtime {

std::vector<Page> PrefixIndex::find(std::span<const Token> tokens, std::size_t most, const PrefixKind& kind) {
  ++uses_;
  std::vector<Page> found;
  const std::size_t full = std::min(tokens.size(), most) / ops::page_positions;
  for (Page above = root; found.size() < full; above = found.back()) {
    const auto node = nodes_.find(key_of(tokens, found.size(), above, kind));
    if (node == nodes_.end()) break;
    touch(node);
    pages_.hold(node->second.page);
    found.push_back(node->second.page);
  }
  return found;
}

void PrefixIndex::publish(std::span<const Token> tokens, const PrefixKind& kind, std::span<Page> pages) {
  assert(tokens.size() == pages.size() * ops::page_positions);
  ++uses_;
  Page above = root;
  for (std::size_t i = 0; i < pages.size(); above = pages[i++]) {
    const Key key = key_of(tokens, i, above, kind);
    const auto known = nodes_.find(key);
    if (known == nodes_.end()) {
      add(key, pages[i]);
      continue;
    }
    touch(known);
    if (known->second.page == pages[i]) continue;
    pages_.hold(known->second.page);
    pages_.drop(std::exchange(pages[i], known->second.page));
  }
}

bool PrefixIndex::evict() {
  const auto unheld = std::find_if(leaves_.begin(), leaves_.end(),
                                   [this](const auto& leaf) { return pages_.holders(leaf.second) == 1; });
  if (unheld == leaves_.end()) return false;
  remove(by_page_.at(unheld->second));
  return true;
}

std::int32_t PrefixIndex::evictable() const {
  return static_cast<std::int32_t>(std::count_if(by_page_.begin(), by_page_.end(), [this](const auto& known) {
    return pages_.holders(known.first) == 1;
  }));
}

PrefixIndex::Key PrefixIndex::key_of(std::span<const Token> tokens, std::size_t page, Page above,
                                     const PrefixKind& kind) {
  const auto first = static_cast<std::int32_t>(page) * ops::page_positions;
  Key key{kind.salt, above, std::clamp(kind.expanded - first, 0, ops::page_positions), {}};
  std::copy_n(tokens.begin() + first, ops::page_positions, key.tokens.begin());
  return key;
}

void PrefixIndex::touch(Nodes::iterator node) {
  Node& touched = node->second;
  if (leaves_.erase({touched.used, touched.page}) > 0) leaves_.insert({uses_, touched.page});
  touched.used = uses_;
}

void PrefixIndex::add(const Key& key, Page page) {
  pages_.hold(page);
  const auto node = nodes_.emplace(key, Node{page, uses_}).first;
  by_page_.emplace(page, node);
  leaves_.insert({uses_, page});
  if (key.above == root) return;
  Node& above = by_page_.at(key.above)->second;
  if (above.below++ == 0) leaves_.erase({above.used, above.page});
}

void PrefixIndex::remove(Nodes::iterator node) {
  const auto [page, used, below] = node->second;
  assert(below == 0);
  leaves_.erase({used, page});
  if (node->first.above != root) {
    Node& above = by_page_.at(node->first.above)->second;
    if (--above.below == 0) leaves_.insert({above.used, above.page});
  }
  by_page_.erase(page);
  nodes_.erase(node);
  pages_.drop(page);
}

}  // namespace yoke::runtime
