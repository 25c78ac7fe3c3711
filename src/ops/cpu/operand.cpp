#include "ops/cpu/operand.h"

#include <algorithm>
#include <cassert>

namespace yoke::ops::cpu {
namespace {

/// Columns of a token that one thread makes at least; whole units, so that nobody else writes to their bytes.
constexpr std::int64_t piece_cols = 4 * kernels::unit_cols;
/// Values that one thread makes at least where it takes a region to do it together.
constexpr std::int64_t values_worth_a_region = 4096;

/// Pieces of each token that can be made apart.
std::int64_t pieces_of_token(const Operand& x) {
  if (x.is_made() || x.width == 0) return 0;
  return x.norm && x.norm->centred ? 1 : (x.width + piece_cols - 1) / piece_cols;
}

/// Columns [begin, end) of a token.
void make_columns(const Operand& x, std::int64_t t, std::int64_t begin, std::int64_t end,
                  const kernels::Kernels& kernels) {
  if (x.norm) x.norm->make(kernels, t, x.width, begin, end);
  if (x.lacking != nullptr) {
    kernels.quantize_activations(x.floats + t * x.stride + begin, end - begin,
                                 x.lacking + t * x.block_stride + begin / kernels::activation_block);
  }
}

void make_pieces(const Operand& x, std::int64_t begin, std::int64_t end, const kernels::Kernels& kernels) {
  const std::int64_t of_token = pieces_of_token(x);
  for (std::int64_t piece = begin; piece < end;) {
    const std::int64_t t = piece / of_token, first = piece % of_token;
    const std::int64_t last = std::min(of_token, first + end - piece);
    make_columns(x, t, first * piece_cols, last == of_token ? x.width : last * piece_cols, kernels);
    piece += last - first;
  }
}

}  // namespace

void Operand::ask_for_bytes(const Tools& tools) {
  if (blocks != nullptr || width == 0) return;
  constexpr std::int64_t floats_per_block = sizeof(kernels::ActivationBlock) / sizeof(float);
  block_stride = (width + kernels::unit_cols - 1) / kernels::unit_cols * 2;
  lacking = reinterpret_cast<kernels::ActivationBlock*>(
      tools.scratch.floats(tokens * block_stride * floats_per_block).data());
  blocks = lacking;
}

Operand Operand::tokens_from(std::int64_t first, std::int64_t n) const {
  Operand some = *this;
  some.norm.reset();
  some.lacking = nullptr;
  if (floats != nullptr) some.floats += first * stride;
  if (blocks != nullptr) some.blocks += first * block_stride;
  some.tokens = n;
  return some;
}

void Operand::pad(std::int64_t before, std::int64_t after, const Tools& tools) {
  assert(is_made());
  const std::int64_t wide = before + width + after;
  const std::span<float> padded = tools.scratch.floats(tokens * wide);
  std::fill(padded.begin(), padded.end(), 0.0f);
  for (std::int64_t t = 0; t < tokens; ++t)
    std::copy_n(floats + t * stride, width, padded.data() + t * wide + before);
  floats = padded.data();
  width = stride = wide;
}

MakeOperands::MakeOperands(std::span<Operand* const> operands, const Tools& tools)
    : operands_(operands), tools_(tools) {}

MakeOperands::~MakeOperands() {
  for (Operand* const x : operands_) {
    x->norm.reset();
    x->lacking = nullptr;
  }
}

bool MakeOperands::is_needed() const {
  return std::any_of(operands_.begin(), operands_.end(),
                     [](const Operand* x) { return x->tokens * pieces_of_token(*x) > 0; });
}

void MakeOperands::operator()(int thread) const {
  for (const Operand* const x : operands_) {
    tools_.pool.split_of(
        thread, x->tokens * pieces_of_token(*x), 1,
        [&](std::int64_t begin, std::int64_t end) { make_pieces(*x, begin, end, tools_.kernels); });
  }
}

void MakeOperands::run() const {
  if (!is_needed()) return;
  std::int64_t values = 0;
  for (const Operand* const x : operands_) values += x->tokens * x->width;
  if (values < values_worth_a_region * tools_.pool.size()) {
    for (const Operand* const x : operands_)
      make_pieces(*x, 0, x->tokens * pieces_of_token(*x), tools_.kernels);
  } else {
    tools_.pool.run([this](int thread) { (*this)(thread); });
  }
}

}  // namespace yoke::ops::cpu
