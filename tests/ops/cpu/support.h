// What the tests of the CPU backend share: matrices for naive formulas in double precision, slices of
// pretended files, and a backend that takes its inputs and gives its outputs through the interface alone.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "comm/comm.h"
#include "comm/solo.h"
#include "kernels/kernels.h"
#include "ops/cpu/cpu_ops.h"
#include "quant/format.h"

namespace yoke::ops::cpu {

inline constexpr double float_epsilon = std::numeric_limits<float>::epsilon();

/// (rows, cols) values of a naive formula. Inputs of ops hold what float32 holds.
struct Matrix {
  Matrix(std::int64_t rows_, std::int64_t cols_)
      : rows(rows_), cols(cols_), values(static_cast<std::size_t>(rows * cols)) {}
  double& operator()(std::int64_t r, std::int64_t c) {
    return values[static_cast<std::size_t>(r * cols + c)];
  }
  double operator()(std::int64_t r, std::int64_t c) const {
    return values[static_cast<std::size_t>(r * cols + c)];
  }

  std::int64_t rows;
  std::int64_t cols;
  std::vector<double> values;
};

inline Matrix random_matrix(std::int64_t rows, std::int64_t cols, std::mt19937& random) {
  std::normal_distribution<float> normal;
  Matrix m(rows, cols);
  for (double& value : m.values) value = normal(random);
  return m;
}

inline Matrix magnitude(Matrix m) {
  for (double& value : m.values) value = std::abs(value);
  return m;
}

/// Rows `rows` and columns [first, last) of m.
inline Matrix part(const Matrix& m, const std::vector<std::int64_t>& rows, std::int64_t first,
                   std::int64_t last) {
  Matrix out(static_cast<std::int64_t>(rows.size()), last - first);
  for (std::int64_t r = 0; r < out.rows; ++r) {
    for (std::int64_t c = 0; c < out.cols; ++c) out(r, c) = m(rows[static_cast<std::size_t>(r)], first + c);
  }
  return out;
}

/// W·x of every row of x: (x.rows, w.rows).
inline Matrix product(const Matrix& w, const Matrix& x) {
  Matrix y(x.rows, w.rows);
  for (std::int64_t t = 0; t < y.rows; ++t) {
    for (std::int64_t r = 0; r < y.cols; ++r) {
      for (std::int64_t k = 0; k < w.cols; ++k) y(t, r) += w(r, k) * x(t, k);
    }
  }
  return y;
}

/// x / sqrt(mean(x²) + epsilon) of every row.
inline Matrix normalised(Matrix x, double epsilon) {
  for (std::int64_t t = 0; t < x.rows; ++t) {
    double mean = 0;
    for (std::int64_t i = 0; i < x.cols; ++i) mean += x(t, i) * x(t, i) / static_cast<double>(x.cols);
    for (std::int64_t i = 0; i < x.cols; ++i) x(t, i) /= std::sqrt(mean + epsilon);
  }
  return x;
}

/// Every value within `roundings` float32 roundings of its `scale`, the magnitude of what was added up for
/// it.
inline void expect_near(const Matrix& actual, const Matrix& expected, const Matrix& scale, double roundings) {
  ASSERT_EQ(actual.rows, expected.rows);
  ASSERT_EQ(actual.cols, expected.cols);
  for (std::int64_t r = 0; r < actual.rows; ++r) {
    for (std::int64_t c = 0; c < actual.cols; ++c) {
      ASSERT_NEAR(actual(r, c), expected(r, c), roundings * float_epsilon * scale(r, c))
          << "at " << r << ", " << c;
    }
  }
}

struct Stored;

/// Runs of rows [first, last) and columns [first, last) of a stored tensor, which outlives it.
struct StoredPart final : RowSource {
  StoredPart(const Stored& from_, std::vector<std::pair<std::int64_t, std::int64_t>> runs,
             std::int64_t first_col_, std::int64_t last_col_);
  void read(std::int64_t first, std::span<std::byte> to) const override;
  operator Slice() const;

  const Stored& from;
  std::vector<std::int64_t> rows;
  std::int64_t first_col;
  std::int64_t last_col;
};

/// A tensor as it lies in a file, and what its values are once they have been stored in its format.
struct Stored {
  Stored(quant::Type type_, const Matrix& m) : type(type_), values(m.rows, m.cols) {
    const quant::Format& format = quant::format(type);
    std::vector<float> floats(m.values.begin(), m.values.end());
    bytes.resize(format.bytes(m.rows * m.cols));
    format.quantize(floats, bytes);
    format.dequantize(bytes, floats);
    values.values.assign(floats.begin(), floats.end());
  }
  StoredPart slice(const std::vector<std::pair<std::int64_t, std::int64_t>>& runs, std::int64_t first_col,
                   std::int64_t last_col) const {
    return {*this, runs, first_col, last_col};
  }
  StoredPart whole() const { return slice({{0, values.rows}}, 0, values.cols); }

  quant::Type type;
  std::vector<std::byte> bytes;
  Matrix values;
};

inline StoredPart::StoredPart(const Stored& from_, std::vector<std::pair<std::int64_t, std::int64_t>> runs,
                              std::int64_t first_col_, std::int64_t last_col_)
    : from(from_), first_col(first_col_), last_col(last_col_) {
  for (const auto& [first, last] : runs)
    for (std::int64_t row = first; row < last; ++row) rows.push_back(row);
}

inline void StoredPart::read(std::int64_t first, std::span<std::byte> to) const {
  const quant::Format& format = quant::format(from.type);
  const std::int64_t block = format.block_values;
  const std::size_t begin = format.bytes(first_col / block * block);
  const std::size_t row_bytes = format.bytes((last_col + block - 1) / block * block) - begin;
  if (first_col == last_col) return;
  for (std::size_t row = static_cast<std::size_t>(first); !to.empty(); ++row, to = to.subspan(row_bytes)) {
    const std::size_t offset = static_cast<std::size_t>(rows.at(row)) * format.bytes(from.values.cols);
    std::memcpy(to.data(), from.bytes.data() + offset + begin, row_bytes);
  }
}

inline StoredPart::operator Slice() const {
  return {.type = from.type,
          .rows = std::ssize(rows),
          .first_col = first_col,
          .cols = last_col - first_col,
          .source = this};
}

/// A backend and its current step.
class Rig {
 public:
  /// Products are exact unless a test asks for less.
  static constexpr Options exact{.activations = kernels::ActivationType::f32};
  explicit Rig(const kernels::Kernels& kernels, int threads = 1, const Options& options = exact)
      : Rig(kernels, solo_, threads, options) {}
  Rig(const kernels::Kernels& kernels, comm::Comm& comm, int threads = 1, const Options& options = exact)
      : pool_(threads), ops_(make_ops(kernels, pool_, comm, options)) {}

  Ops& ops() { return *ops_; }

  /// What a step says of its tokens. Left empty: positions 0, 1, … of one sequence on pages 0, 1, …, all
  /// wanted; sequence i has slot i; no token in the expanded form.
  struct Plan {
    std::vector<std::int32_t> positions;
    std::vector<std::int32_t> sequences;
    std::optional<std::vector<std::int32_t>> wanted;
    std::vector<std::vector<std::int32_t>> pages;
    std::vector<std::int32_t> expanded{};
    std::int64_t window = 0;  // with window tables, as a ring of so many pages for each sequence
    std::int64_t ring = 0;
    std::vector<std::int32_t> resumed{};
    std::vector<Checkpoint> checkpoints{};
  };
  void begin(std::int64_t tokens) { begin(tokens, Plan{}); }
  void begin(std::int64_t tokens, Plan plan) {
    const auto n = static_cast<std::size_t>(tokens);
    plan_ = std::move(plan);
    rows_.resize(n);
    std::iota(rows_.begin(), rows_.end(), 0);
    if (plan_.positions.empty()) plan_.positions = rows_;
    if (plan_.sequences.empty()) plan_.sequences.assign(n, 0);
    if (!plan_.wanted) plan_.wanted = rows_;
    if (plan_.pages.empty()) {
      plan_.pages.emplace_back(n / page_positions + 1);
      std::iota(plan_.pages[0].begin(), plan_.pages[0].end(), 0);
    }
    Step step{rows_, plan_.positions, plan_.sequences, *plan_.wanted, {}};
    for (const auto& table : plan_.pages) step.page_tables.emplace_back(table);
    slots_.resize(plan_.pages.size());
    std::iota(slots_.begin(), slots_.end(), 0);
    step.slots = slots_;
    step.expanded = plan_.expanded;
    step.resumed = plan_.resumed;
    step.checkpoints = plan_.checkpoints;
    make_windows();
    for (const auto& [first, pages] : windows_) step.window_tables.push_back({first, pages});
    ops_->begin_step(step);
  }

  /// Pages of a window that such steps need.
  static std::int64_t ring(std::int64_t window, std::int64_t tokens) {
    return pages_touched(window - 1 + tokens);
  }

  /// One row of x for each token: x is an embedding, and token t is its row t.
  Activations input(const Matrix& x) {
    const Stored stored(quant::Type::f32, x);
    embeddings_.push_back(ops_->load_embedding(stored.whole()));
    return ops_->embed(embeddings_.back());
  }
  /// x normalised by a norm of weight 1 and `norm_epsilon`.
  Normed normed(const Matrix& x) {
    Matrix ones(1, x.cols);
    std::fill(ones.values.begin(), ones.values.end(), 1.0);
    norms_.push_back(ops_->load_vector(Stored(quant::Type::f32, ones).whole()));
    return ops_->rms_norm(input(x), norms_.back(), norm_epsilon);
  }
  static constexpr float norm_epsilon = 1e-5f;

  /// This rank's values, as logits are read.
  Matrix output(Activations x) {
    const MatrixView<const float> values = ops_->read(x);
    Matrix out(values.rows, values.cols);
    for (std::int64_t t = 0; t < out.rows; ++t) {
      for (std::int64_t i = 0; i < out.cols; ++i) out(t, i) = values(t, i);
    }
    return out;
  }

  /// Leaves ones where the next step will find its scratch, so that what it forgets to write shows.
  void dirty_scratch(std::int64_t tokens, std::int64_t width) {
    begin(tokens);
    Matrix ones(tokens, width);
    std::fill(ones.values.begin(), ones.values.end(), 1.0);
    for (int i = 0; i < 8; ++i) input(ones);
  }

 private:
  comm::SoloComm solo_;
  ThreadPool pool_;
  std::unique_ptr<Ops> ops_;
  /// Page p of sequence i lies at p modulo the ring's length, in the i-th ring: it is overwritten as soon as
  /// it may be, of rings that are as long as the step needs.
  void make_windows() {
    windows_.clear();
    if (plan_.window == 0) return;
    for (std::size_t i = 0; i < plan_.pages.size(); ++i) {
      std::int32_t begin = std::numeric_limits<std::int32_t>::max(), end = 0;
      for (std::size_t t = 0; t < plan_.sequences.size(); ++t) {
        if (plan_.sequences[t] != static_cast<std::int32_t>(i)) continue;
        begin = std::min(begin, plan_.positions[t]), end = std::max(end, plan_.positions[t] + 1);
      }
      auto& [first, pages] = windows_.emplace_back();
      if (end == 0) continue;
      const auto length = static_cast<std::int32_t>(plan_.ring);
      first = std::max(0, begin - static_cast<std::int32_t>(plan_.window) + 1) / page_positions;
      for (std::int32_t page = first; page <= (end - 1) / page_positions; ++page)
        pages.push_back(static_cast<std::int32_t>(i) * length + page % length);
    }
  }

  Plan plan_;
  std::vector<std::pair<std::int32_t, std::vector<std::int32_t>>> windows_;
  std::vector<std::int32_t> rows_, slots_;
  std::vector<Embedding> embeddings_;
  std::vector<Vector> norms_;
};

/// A test that runs on every instruction set of this machine.
class OnEveryIsa : public testing::TestWithParam<const kernels::Kernels*> {
 protected:
  static const kernels::Kernels& kernels() { return *GetParam(); }
};

inline std::string isa_name(const testing::TestParamInfo<const kernels::Kernels*>& test) {
  return std::string(test.param->isa);
}

}  // namespace yoke::ops::cpu
