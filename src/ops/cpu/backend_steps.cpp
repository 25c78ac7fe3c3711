// Steps: how one begins, what outlives a layer, what comes in and goes out, and the sum over ranks.
#include <algorithm>
#include <atomic>

#include "ops/cpu/backend.h"
#include "ops/cpu/cpu_weights.h"
#include "ops/cpu/handles.h"

namespace yoke::ops::cpu {

namespace {

/// Steps of all backends: what is made once for a step is told apart by it.
std::uint64_t next_step_number() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

}  // namespace

void Backend::begin_step(const Step& step) {
  step_ = step;
  step_number_ = next_step_number();
  forget();
}

Activations Backend::carry_over(Activations x) {
  const std::size_t n = static_cast<std::size_t>(x.tokens * x.width);
  if (data(x) != carried_.data()) {
    if (carried_.size() < n) carried_.resize(n);
    for_tokens(x, [&](std::int64_t t) { std::copy_n(row(x, t), x.width, carried_.data() + t * x.width); });
  }
  forget();
  return {carried_.data(), x.tokens, x.width};
}

std::uint64_t Backend::activation_bytes() const {
  return scratch_.capacity() + sizeof(float) * carried_.capacity();
}

Activations Backend::embed(const Embedding& table) {
  const Activations out = make(tokens(), table.cols);
  decode_rows(static_cast<const FileRows&>(*table.storage), step_.tokens, data(out));
  return out;
}

Activations Backend::embed_positions(const Embedding& table) {
  const Activations out = make(tokens(), table.cols);
  decode_rows(static_cast<const FileRows&>(*table.storage), step_.positions, data(out));
  return out;
}

Activations Backend::write(MatrixView<const float> from) {
  const Activations out = make(from.rows, from.cols);
  for (std::int64_t t = 0; t < out.tokens; ++t) std::copy_n(from.row(t).data(), out.width, row(out, t));
  return out;
}

Activations Backend::wanted(Activations x) {
  const Activations out = make(std::ssize(step_.wanted), x.width);
  for (std::int64_t i = 0; i < out.tokens; ++i) std::copy_n(row(x, step_.wanted[i]), x.width, row(out, i));
  return out;
}

MatrixView<float> Backend::read(Activations x) { return {data(x), x.tokens, x.width}; }

Activations Backend::reduce(Activations addend) {
  const comm::PendingSum sum = start_sum(data(addend), addend.tokens * addend.width);
  if (meanwhile_) meanwhile_();
  comm_.finish(sum);
  return addend;
}

void Backend::forget() {
  scratch_.reset();
  operands_.clear();
  routings_.clear();
}

}  // namespace yoke::ops::cpu
