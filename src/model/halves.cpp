#include "model/halves.h"

#include <algorithm>
#include <cassert>
#include <span>
#include <utility>

#include "base/turns.h"
#include "model/forward.h"

namespace yoke::model {

Halves::Halves(const Batch& batch, std::int64_t at) {
  assert(at > 0 && at < batch.size());
  const ops::Step whole = batch.step();
  steps_ = {whole, whole};
  const auto n = static_cast<std::size_t>(at);
  auto& [first, second] = steps_;
  first.tokens = whole.tokens.first(n);
  first.positions = whole.positions.first(n);
  first.sequences = whole.sequences.first(n);
  second.tokens = whole.tokens.subspan(n);
  second.positions = whole.positions.subspan(n);
  second.sequences = whole.sequences.subspan(n);

  const auto wanted = std::lower_bound(whole.wanted.begin(), whole.wanted.end(), at) - whole.wanted.begin();
  first.wanted = whole.wanted.first(static_cast<std::size_t>(wanted));
  for (const std::int32_t token : whole.wanted.subspan(static_cast<std::size_t>(wanted)))
    wanted_of_second_.push_back(token - static_cast<std::int32_t>(at));
  second.wanted = wanted_of_second_;

  // Where the first half has come to in each sequence.
  std::vector<std::int32_t> ends(whole.page_tables.size(), 0);
  for (std::size_t i = 0; i < n; ++i)
    ends[static_cast<std::size_t>(whole.sequences[i])] = whole.positions[i] + 1;
  resumed_by_second_.assign(whole.resumed.begin(), whole.resumed.end());
  for (std::size_t i = 0; i < resumed_by_second_.size(); ++i) {
    if (ends[i] > 0) resumed_by_second_[i] = whole.slots[i];
  }
  second.resumed = resumed_by_second_;
  for (const ops::Checkpoint& each : whole.checkpoints)
    checkpoints_[each.position <= ends[static_cast<std::size_t>(each.sequence)] ? 0 : 1].push_back(each);
  first.checkpoints = checkpoints_[0];
  second.checkpoints = checkpoints_[1];
}

ops::Activations run_layers_in_halves(Family& family, ops::Ops& first, ops::Ops& second, const Batch& batch) {
  const Halves halves(batch, batch.size() / 2);
  std::array<ops::Activations, 2> wanted;
  Turns turns;
  const auto run = [&](int half, ops::Ops& ops) {
    ops.set_meanwhile([&turns] { turns.pass(); });
    wanted[static_cast<std::size_t>(half)] = run_layers(family, ops, halves.step(half));
  };
  const auto forget = [&] {
    first.set_meanwhile({});
    second.set_meanwhile({});
  };
  try {
    turns.run([&] { run(0, first); }, [&] { run(1, second); });
  } catch (...) {
    forget();
    throw;
  }
  forget();
  std::vector<float> rows;
  for (const auto& [ops, of_half] : {std::pair(&first, wanted[0]), std::pair(&second, wanted[1])}) {
    const MatrixView<float> values = ops->read(of_half);
    rows.insert(rows.end(), values.data, values.data + values.rows * values.cols);
  }
  const std::int64_t width = wanted[0].width;
  const auto n = static_cast<std::int64_t>(rows.size()) / width;
  return first.carry_over(first.write({rows.data(), n, width}));
}

}  // namespace yoke::model
