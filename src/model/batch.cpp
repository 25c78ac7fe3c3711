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

void Batch::write(ByteWriter& out) const {
  out.put_all<std::int32_t>(tokens);
  out.put_all<std::int32_t>(positions);
  out.put_all<std::int32_t>(sequences);
  out.put_all<std::uint8_t>(wants_logits);
  out.put<std::uint64_t>(page_tables.size());
  for (const std::vector<std::int32_t>& table : page_tables) out.put_all<std::int32_t>(table);
}

Batch Batch::read(ByteReader& in) {
  Batch batch;
  batch.tokens = in.get_all<std::int32_t>();
  batch.positions = in.get_all<std::int32_t>();
  batch.sequences = in.get_all<std::int32_t>();
  batch.wants_logits = in.get_all<std::uint8_t>();
  for (auto tables = in.get<std::uint64_t>(); tables > 0; --tables)
    batch.page_tables.push_back(in.get_all<std::int32_t>());
  const std::size_t n = batch.tokens.size();
  require(batch.positions.size() == n && batch.sequences.size() == n && batch.wants_logits.size() == n,
          "a peer sent a batch of {} tokens with {} positions, {} sequences and {} logit flags", n,
          batch.positions.size(), batch.sequences.size(), batch.wants_logits.size());
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t sequence = batch.sequences[i];
    require(sequence >= 0 && sequence < static_cast<std::int32_t>(batch.page_tables.size()),
            "a peer sent a batch with sequence {} of {}", sequence, batch.page_tables.size());
    const std::size_t pages = batch.page_tables[static_cast<std::size_t>(sequence)].size();
    require(
        batch.positions[i] >= 0 && static_cast<std::size_t>(batch.positions[i]) / ops::page_positions < pages,
        "a peer sent a batch with position {} in a sequence of {} pages", batch.positions[i], pages);
  }
  return batch;
}

}  // namespace yoke::model
