#include "model/batch.h"

#include <cassert>

#include "base/bytes.h"
#include "base/error.h"

namespace yoke::model {

std::int64_t Batch::add(std::int32_t token, std::int32_t position, std::int32_t sequence, bool wants) {
  assert(position >= 0 && sequence >= 0);
  tokens.push_back(token);
  positions.push_back(position);
  sequences.push_back(sequence);
  wants_logits.push_back(wants ? 1 : 0);
  return size() - 1;
}

ops::Step Batch::step() const {
  ops::Step step{tokens, positions, sequences, wants_logits, {}};
  for (const std::vector<std::int32_t>& table : page_tables) step.page_tables.emplace_back(table);
  return step;
}

void Batch::check() const {
  const std::size_t n = tokens.size();
  require(positions.size() == n && sequences.size() == n && wants_logits.size() == n,
          "a peer sent a batch of {} tokens with {} positions, {} sequences and {} logit flags", n,
          positions.size(), sequences.size(), wants_logits.size());
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t sequence = sequences[i];
    require(sequence >= 0 && sequence < static_cast<std::int32_t>(page_tables.size()),
            "a peer sent a batch with sequence {} of {}", sequence, page_tables.size());
    const std::size_t pages = page_tables[static_cast<std::size_t>(sequence)].size();
    require(positions[i] >= 0 && static_cast<std::size_t>(positions[i]) / ops::page_positions < pages,
            "a peer sent a batch with position {} in a sequence of {} pages", positions[i], pages);
    require(tokens[i] >= 0, "a peer sent a batch with token {}", tokens[i]);
    require(wants_logits[i] <= 1, "a peer sent a batch with the logit flag {}", wants_logits[i]);
  }
  for (const std::vector<std::int32_t>& table : page_tables) {
    for (const std::int32_t page : table) require(page >= 0, "a peer sent a batch with page {}", page);
  }
}

}  // namespace yoke::model
