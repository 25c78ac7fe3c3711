#include "ops/cpu/cpu_matrix.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <numeric>
#include <vector>

#include "kernels/pack.h"

namespace yoke::ops::cpu {
namespace {

using kernels::panel_rows;

std::int64_t panels_of(std::int64_t rows) { return (rows + panel_rows - 1) / panel_rows; }

kernels::PanelColumns columns_of(const Slice& slice) { return {slice.type, slice.first_col, slice.cols}; }

class PanelMatrix final : public WeightMatrix {
 public:
  PanelMatrix(const Slice& slice, const kernels::Kernels& kernels, WeightMemory& memory)
      : multiply_(kernels.panel_multiply(slice.type)),
        columns_(columns_of(slice)),
        panel_bytes_(slice.cols == 0 ? 0 : columns_.bytes()),
        bytes_(panel_matrix_bytes(slice)),
        panels_(memory.take(bytes_)) {
    rows = slice.rows;
    cols = slice.cols;
  }

  /// Of all panels.
  std::span<std::byte> bytes() { return {panels_.get(), bytes_}; }

  /// Reads and packs panels [begin, end), some at a time.
  void pack(const Slice& slice, std::int64_t begin, std::int64_t end) {
    constexpr std::size_t piece_bytes = std::size_t{1} << 20;
    const std::size_t row_bytes = slice.row_bytes();
    const std::size_t panel_of_file = row_bytes * panel_rows;
    const auto at_once = static_cast<std::int64_t>(
        std::max<std::size_t>(1, piece_bytes / std::max<std::size_t>(1, panel_of_file)));
    std::vector<std::byte> piece;
    slice.source->expect(begin * panel_rows, std::min(end * panel_rows, rows) - begin * panel_rows);
    for (std::int64_t first = begin; first < end; first += at_once) {
      const std::int64_t last = std::min(first + at_once, end);
      const std::int64_t n = std::min(last * panel_rows, rows) - first * panel_rows;
      piece.resize(static_cast<std::size_t>(n) * row_bytes);
      slice.source->read(first * panel_rows, piece);
      for (std::int64_t panel = first; panel < last; ++panel) {
        const std::int64_t row = (panel - first) * panel_rows;
        kernels::pack_panel(columns_, piece.data() + static_cast<std::size_t>(row) * row_bytes, row_bytes,
                            static_cast<int>(std::min<std::int64_t>(panel_rows, n - row)),
                            panels_.get() + static_cast<std::size_t>(panel) * panel_bytes_);
      }
    }
  }

  std::int64_t grain() const override { return panel_rows; }
  bool reads_floats() const override { return columns_.is_plain(); }
  void prepare(Operand& x, const Tools& tools) const override {
    if (!columns_.is_plain()) x.ask_for_bytes(tools);
  }

  void multiply(const Operand& x, std::int64_t begin, std::int64_t end, float* y,
                std::int64_t stride) const override {
    assert(begin % panel_rows == 0 && (end % panel_rows == 0 || end == rows));
    const std::int64_t first = begin / panel_rows;
    multiply_({.panels = panels_.get() + static_cast<std::size_t>(first) * panel_bytes_,
               .panel_bytes = panel_bytes_,
               .rows = rows - begin,
               .phase = columns_.phase(),
               .units = cols == 0 ? 0 : columns_.units(),
               .first_panel = 0,
               .end_panel = panels_of(end) - first,
               .x = {x.floats, x.stride, x.blocks, x.block_stride},
               .first_token = 0,
               .end_token = x.tokens,
               .y = y,
               .y_stride = stride});
  }

 private:
  kernels::Kernels::PanelMultiply multiply_;
  kernels::PanelColumns columns_;
  std::size_t panel_bytes_;
  std::uint64_t bytes_;
  std::shared_ptr<std::byte> panels_;
};

/// Multiplies whole blocks. Where other ranks have columns of them too, those meet zeros, which adds nothing
/// to a sum. Blocks that can be cut, those of 256 values, are finite as a whole or not at all, as their
/// factors are: so a weight of another rank adds a NaN to a row only where the model's own sum has no value
/// either.
class FileRowMatrix final : public WeightMatrix {
 public:
  FileRowMatrix(const Slice& slice, const kernels::Kernels& kernels, ThreadPool& pool, WeightMemory& memory)
      : multiply_(kernels.matmul(slice.type)),
        before_(slice.cols_before()),
        after_(slice.cols_after()),
        table_(read_rows(slice, pool, memory)) {
    rows = slice.rows;
    cols = slice.cols;
  }

  std::int64_t grain() const override { return 16; }
  bool reads_floats() const override { return true; }
  void prepare(Operand& x, const Tools& tools) const override {
    if (before_ + after_ == 0) return;
    Operand* const operand = &x;
    MakeOperands({&operand, 1}, tools).run();
    x.pad(before_, after_, tools);
  }

  void multiply(const Operand& x, std::int64_t begin, std::int64_t end, float* y,
                std::int64_t stride) const override {
    assert(x.width == table_->cols);
    multiply_(table_->row(begin), table_->row_bytes, end - begin, table_->cols, x.floats, x.stride, x.tokens,
              y, stride);
  }

 private:
  kernels::Kernels::MatMul multiply_;
  std::int64_t before_, after_;  // columns of other ranks in each row
  std::unique_ptr<FileRows> table_;
};

std::int64_t grains_of(const WeightMatrix& matrix) {
  return (matrix.rows + matrix.grain() - 1) / matrix.grain();
}

/// Makes the operands and calls body(begin, end) for ranges that make up [0, grains). Where tokens are few, a
/// thread reads the weights that lie nearest to it for as long as it has some. Otherwise threads take small
/// ranges as they come to them: there it is the products that take long.
template <class Body>
void share(std::span<Operand* const> operands, std::int64_t grains, std::int64_t tokens, const Tools& tools,
           const Body& body) {
  constexpr std::int64_t grains_at_once = 4;
  const MakeOperands make(operands, tools);
  if (tokens <= kernels::few_tokens || grains <= grains_at_once || tools.pool.size() == 1) {
    if (make.is_needed()) {
      tools.pool.share_after(make, grains, body);
    } else {
      tools.pool.share(grains, body);
    }
    return;
  }
  std::atomic<std::int64_t> next = 0;
  const auto take_ranges = [&](int thread) {
    for (;;) {
      const std::int64_t begin = next.fetch_add(grains_at_once, std::memory_order_relaxed);
      if (begin >= grains) return;
      body(begin, std::min(begin + grains_at_once, grains));
      tools.pool.end_piece(thread);
    }
  };
  if (make.is_needed()) {
    tools.pool.run_in_turn(make, take_ranges);
  } else {
    tools.pool.run(take_ranges);
  }
}

/// The same for ranges of several things that have so many grains each: body(which, begin, end).
template <class Body>
void share_all(std::span<Operand* const> operands, const std::vector<std::int64_t>& grains,
               std::int64_t tokens, const Tools& tools, const Body& body) {
  const std::int64_t all = std::accumulate(grains.begin(), grains.end(), std::int64_t{0});
  share(operands, all, tokens, tools, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t first = 0;  // grain of the current one, among all
    for (std::size_t i = 0; i < grains.size() && first < end; first += grains[i++]) {
      const std::int64_t from = std::max(begin - first, std::int64_t{0});
      const std::int64_t to = std::min(end - first, grains[i]);
      if (from < to) body(i, from, to);
    }
  });
}

/// The operands of products, each once. What several read stands in a row.
template <class Products>
std::vector<Operand*> operands_of(const Products& products) {
  std::vector<Operand*> operands;
  for (const auto& product : products) {
    if (operands.empty() || operands.back() != product.x) operands.push_back(product.x);
  }
  return operands;
}

}  // namespace

std::unique_ptr<WeightMatrix> load_panels(const Slice& slice, const kernels::Kernels& kernels,
                                          ThreadPool& pool, WeightMemory& memory) {
  auto matrix = std::make_unique<PanelMatrix>(slice, kernels, memory);
  if (matrix->bytes().empty() || slice.source->read_packed(matrix->bytes())) return matrix;
  pool.split(panels_of(slice.rows), 1,
             [&](std::int64_t begin, std::int64_t end) { matrix->pack(slice, begin, end); });
  slice.source->keep_packed(matrix->bytes());
  return matrix;
}

std::unique_ptr<WeightMatrix> load_file_rows(const Slice& slice, const kernels::Kernels& kernels,
                                             ThreadPool& pool, WeightMemory& memory) {
  return std::make_unique<FileRowMatrix>(slice, kernels, pool, memory);
}

std::uint64_t panel_matrix_bytes(const Slice& slice) {
  if (slice.cols == 0) return 0;
  return static_cast<std::uint64_t>(panels_of(slice.rows)) * columns_of(slice).bytes();
}

void multiply(std::span<const Product> products, Operand& x, const Tools& tools) {
  std::vector<PreparedProduct> prepared;
  for (const auto& [matrix, y] : products) {
    assert(matrix->cols == x.width);
    matrix->prepare(x, tools);
  }
  for (const auto& [matrix, y] : products) prepared.push_back({matrix, x, y, matrix->rows});
  multiply(prepared, x, tools);
}

void multiply_rows(const Product& product, Operand& x, std::int64_t begin, std::int64_t end,
                   const Tools& tools) {
  const WeightMatrix& matrix = *product.matrix;
  assert(matrix.cols == x.width && begin % matrix.grain() == 0);
  matrix.prepare(x, tools);
  Operand* const operand = &x;
  const std::int64_t grains = (end - begin + matrix.grain() - 1) / matrix.grain();
  share({&operand, 1}, grains, x.tokens, tools, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t row = begin + first * matrix.grain();
    matrix.multiply(x, row, std::min(begin + last * matrix.grain(), end), product.y + row, matrix.rows);
  });
}

void multiply(std::span<const PreparedProduct> products, Operand& whole, const Tools& tools) {
  std::vector<std::int64_t> grains;
  for (const PreparedProduct& product : products) grains.push_back(grains_of(*product.matrix));
  const std::int64_t tokens = products.empty() ? 0 : products.front().x.tokens;
  Operand* const operand = &whole;
  share_all({&operand, 1}, grains, tokens, tools, [&](std::size_t i, std::int64_t first, std::int64_t last) {
    const auto& [matrix, x, y, stride] = products[i];
    const std::int64_t begin = first * matrix->grain();
    matrix->multiply(x, begin, std::min(last * matrix->grain(), matrix->rows), y + begin, stride);
  });
}

void multiply_gated(std::span<const GatedProduct> products, kernels::Kernels::GateMul unit,
                    const Tools& tools) {
  const auto grain_of = [](const GatedProduct& product) {
    return std::max(product.gate.matrix->grain(), product.up.matrix->grain());
  };
  const auto add_bias = [&](const float* bias, float* y, std::int64_t begin, std::int64_t end) {
    if (bias != nullptr) tools.kernels.add(y + begin, bias + begin, end - begin);
  };
  std::vector<std::int64_t> grains;
  std::int64_t most_tokens = 0;
  for (const GatedProduct& product : products) {
    assert(product.gate.matrix->rows == product.up.matrix->rows);
    grains.push_back((product.gate.matrix->rows + grain_of(product) - 1) / grain_of(product));
    most_tokens = std::max(most_tokens, product.x->tokens);
  }
  share_all(operands_of(products), grains, most_tokens, tools,
            [&](std::size_t i, std::int64_t first, std::int64_t last) {
              const auto& [gate, up, gate_bias, up_bias, x] = products[i];
              const std::int64_t rows = gate.matrix->rows;
              const std::int64_t begin = first * grain_of(products[i]),
                                 end = std::min(last * grain_of(products[i]), rows);
              gate.matrix->multiply(*x, begin, end, gate.y + begin, rows);
              up.matrix->multiply(*x, begin, end, up.y + begin, rows);
              for (std::int64_t t = 0; t < x->tokens; ++t) {
                float* const g = gate.y + t * rows;
                float* const u = up.y + t * rows;
                add_bias(gate_bias, g, begin, end);
                add_bias(up_bias, u, begin, end);
                unit(g + begin, u + begin, g + begin, end - begin);
              }
            });
}

void add_weighted(std::span<const WeightedProduct> products, std::int64_t width, float* sum,
                  const Tools& tools) {
  constexpr std::int64_t tile_values = 4096, most_tokens_at_once = 64;
  std::int64_t grain = 1, most_tokens = 0;
  for (const WeightedProduct& product : products) {
    assert(product.matrix->rows == width);
    grain = std::max(grain, product.matrix->grain());
    most_tokens = std::max(most_tokens, product.x->tokens);
  }
  const std::int64_t tokens_at_once = std::clamp<std::int64_t>(most_tokens, 1, most_tokens_at_once);
  const std::int64_t rows_at_once = tile_values / tokens_at_once / grain * grain;
  const auto add_tile = [&](const WeightedProduct& product, std::int64_t begin, std::int64_t end,
                            std::int64_t first, std::int64_t last) {
    alignas(64) float tile[tile_values];
    product.matrix->multiply(product.x->tokens_from(first, last - first), begin, end, tile, end - begin);
    for (std::int64_t t = first; t < last; ++t) {
      tools.kernels.add_scaled(sum + product.rows[t] * width + begin, tile + (t - first) * (end - begin),
                               product.weights[t], end - begin);
    }
  };
  const std::int64_t grains = (width + grain - 1) / grain;
  share(operands_of(products), grains, most_tokens, tools, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t end_of_range = std::min(last * grain, width);
    for (std::int64_t begin = first * grain; begin < end_of_range; begin += rows_at_once) {
      const std::int64_t end = std::min(begin + rows_at_once, end_of_range);
      for (const WeightedProduct& product : products) {
        for (std::int64_t t = 0; t < product.x->tokens; t += tokens_at_once)
          add_tile(product, begin, end, t, std::min(t + tokens_at_once, product.x->tokens));
      }
    }
  });
}

}  // namespace yoke::ops::cpu
