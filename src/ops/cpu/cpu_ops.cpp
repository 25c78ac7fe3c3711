#include "ops/cpu/cpu_ops.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "base/arena.h"
#include "ops/cpu/cpu_attention.h"
#include "ops/cpu/cpu_weights.h"

namespace yoke::ops::cpu {
namespace {

/// The spec, and the sines and cosines of the current step's positions: (tokens, pairs) each, made at first
/// use.
struct RopeTable final : Storage {
  RopeSpec spec;
  std::uint64_t step = 0;  // the step that cos and sin are of
  std::vector<float> cos, sin;

  std::int64_t pairs() const { return static_cast<std::int64_t>(spec.frequencies.size()); }
  void prepare(std::uint64_t current_step, std::span<const std::int32_t> positions) {
    if (step == current_step) return;
    step = current_step;
    cos.clear();
    sin.clear();
    for (const std::int32_t position : positions) {
      for (const double frequency : spec.frequencies) {
        const double angle = position * frequency;
        cos.push_back(static_cast<float>(std::cos(angle)) * spec.magnitude);
        sin.push_back(static_cast<float>(std::sin(angle)) * spec.magnitude);
      }
    }
  }
};

const PackedMatrix& matrix(const std::unique_ptr<Storage>& storage) {
  return static_cast<const PackedMatrix&>(*storage);
}
const std::vector<float>& values(const Vector& vector) {
  return static_cast<const PackedVector&>(*vector.storage).values;
}
float* data(const Activations& x) { return static_cast<float*>(x.handle); }
float* row(const Activations& x, std::int64_t token) { return data(x) + token * x.width; }

class CpuOps final : public Ops {
 public:
  CpuOps(const kernels::Kernels& kernels, ThreadPool& pool, comm::Comm& comm, const Options& options)
      : kernels_(kernels), pool_(pool), comm_(comm), options_(options) {}

  bool can_multiply(quant::Type type) const override { return kernels_.matmul(type) != nullptr; }
  bool can_decode(quant::Type type) const override { return quant::format(type).dequantize != nullptr; }

  std::uint64_t kv_cache_bytes(const Heads& heads, std::int64_t pages) const override {
    return paged_kv_bytes(options_.kv_type, heads, pages);
  }
  std::uint64_t attend_bytes(const Heads& heads, std::int64_t pages, std::int64_t tokens) const override {
    return attend_scratch_bytes(heads, pages, tokens);
  }
  std::uint64_t activation_bytes() const override {
    return scratch_.capacity() + sizeof(float) * carried_.capacity();
  }

  RowMatrix load_rows(const Slice& slice) override {
    return {pack(slice, kernels_.matmul(slice.type), pool_), slice.rows, slice.cols};
  }
  ColMatrix load_cols(const Slice& slice) override {
    return {pack(slice, kernels_.matmul(slice.type), pool_), slice.rows, slice.cols};
  }
  Vector load_vector(const Slice& slice) override { return {pack_vector(slice), slice.rows * slice.cols}; }
  Embedding load_embedding(const Slice& slice) override {
    return {pack(slice, nullptr, pool_), slice.rows, slice.cols};
  }
  Rope make_rope(const RopeSpec& spec) override {
    auto table = std::make_unique<RopeTable>();
    table->spec = spec;
    return {std::move(table)};
  }
  KvCache make_kv_cache(const Heads& heads, std::int64_t pages) override {
    return {std::make_unique<PagedKv>(kernels_.kv(options_.kv_type), heads, pages)};
  }

  void begin_step(const Step& step) override {
    step_ = step;
    ++step_number_;
    scratch_.reset();
  }

  Activations carry_over(Activations x) override {
    const std::size_t n = static_cast<std::size_t>(x.tokens * x.width);
    if (data(x) != carried_.data()) {
      if (carried_.size() < n) carried_.resize(n);
      std::copy_n(data(x), n, carried_.data());
    }
    scratch_.reset();
    return {carried_.data(), x.tokens, x.width};
  }

  Activations embed(const Embedding& table) override {
    const Activations out = make(tokens(), table.cols);
    decode_rows(matrix(table.storage), step_.tokens, data(out));
    return out;
  }

  Normed rms_norm(Activations x, const Vector& weight, float epsilon) override {
    assert(weight.size == x.width);
    const Activations out = make(x.tokens, x.width);
    for (std::int64_t t = 0; t < x.tokens; ++t) normalise(row(x, t), values(weight), epsilon, row(out, t));
    return {out};
  }

  Activations rms_norm_heads(Activations x, const Vector& weight, float epsilon) override {
    assert(x.width % weight.size == 0);
    const std::int64_t heads = x.tokens * (x.width / weight.size);
    for (std::int64_t head = 0; head < heads; ++head) {
      float* const values_of_head = data(x) + head * weight.size;
      normalise(values_of_head, values(weight), epsilon, values_of_head);
    }
    return x;
  }

  Activations matmul(const RowMatrix& w, const Normed& x, const Vector& bias) override {
    return add_bias(multiply(matrix(w.storage), x.value), bias);
  }

  Activations gated(const RowMatrix& gate, const Vector& gate_bias, const RowMatrix& up,
                    const Vector& up_bias, const Normed& x) override {
    const Activations g = matmul(gate, x, gate_bias);
    const Activations u = matmul(up, x, up_bias);
    assert(g.width == u.width);
    pool_.split(g.tokens * g.width, element_grain, [&](std::int64_t begin, std::int64_t end) {
      kernels_.silu_mul(data(g) + begin, data(u) + begin, data(g) + begin, end - begin);
    });
    return g;
  }

  Activations rope(const Rope& rope, Activations x, std::int64_t head_dim) override {
    auto& table = static_cast<RopeTable&>(*rope.storage);
    table.prepare(step_number_, step_.positions);
    const std::int64_t pairs = table.pairs();
    assert(2 * pairs <= head_dim && x.width % head_dim == 0);
    const auto rotate =
        table.spec.style == RopeStyle::interleaved ? kernels_.rope_interleaved : kernels_.rope_neox;
    for (std::int64_t t = 0; t < x.tokens; ++t) {
      for (std::int64_t head = 0; head < x.width / head_dim; ++head) {
        rotate(row(x, t) + head * head_dim, table.cos.data() + t * pairs, table.sin.data() + t * pairs,
               pairs);
      }
    }
    return x;
  }

  Activations attend(const Heads& heads, KvCache& cache, Activations q, Activations k, Activations v,
                     const AttendSpec& spec) override {
    assert(q.width == heads.n_heads * heads.k_dim && k.width == heads.n_kv_heads * heads.k_dim &&
           v.width == heads.n_kv_heads * heads.v_dim);
    assert(!spec.sinks || spec.sinks.size == heads.n_heads);
    const auto& pages = static_cast<const PagedKv&>(*cache.storage);
    store(step_, heads, pages, pool_, data(k), data(v));
    const Activations out = make(tokens(), heads.n_heads * heads.v_dim);
    const ArenaScope scope(scratch_);
    cpu::attend(step_, heads, spec, spec.sinks ? values(spec.sinks).data() : nullptr, pages,
                {kernels_, pool_, scratch_}, data(q), data(out));
    return out;
  }

  Activations add(Activations x, Activations y) override {
    assert(x.tokens == y.tokens && x.width == y.width);
    kernels_.add(data(x), data(y), x.tokens * x.width);
    return x;
  }

  Activations add_bias(Activations x, const Vector& bias) override {
    if (!bias) return x;
    assert(bias.size == x.width);
    for (std::int64_t t = 0; t < x.tokens; ++t) kernels_.add(row(x, t), values(bias).data(), x.width);
    return x;
  }

  Activations wanted(Activations x) override {
    const Activations out = make(std::ssize(step_.wanted), x.width);
    for (std::int64_t i = 0; i < out.tokens; ++i) std::copy_n(row(x, step_.wanted[i]), x.width, row(out, i));
    return out;
  }

  Activations rows(Activations x, std::int64_t first, std::int64_t n) override {
    assert(first >= 0 && n >= 0 && first + n <= x.tokens);
    return {row(x, first), n, x.width};
  }

  MatrixView<float> read(Activations x) override { return {data(x), x.tokens, x.width}; }

 protected:
  Activations partial_matmul(const ColMatrix& w, Activations x) override {
    return multiply(matrix(w.storage), x);
  }

  Activations reduce(Activations addend) override {
    comm_.all_reduce({data(addend), static_cast<std::size_t>(addend.tokens * addend.width)});
    return addend;
  }

 private:
  static constexpr std::int64_t row_grain = 16;        // rows of a matrix that one thread takes at a time
  static constexpr std::int64_t element_grain = 4096;  // values of an element-wise op

  std::int64_t tokens() const { return static_cast<std::int64_t>(step_.tokens.size()); }

  Activations make(std::int64_t n_tokens, std::int64_t width) {
    return {scratch_.floats(n_tokens * width).data(), n_tokens, width};
  }

  /// y = x / sqrt(mean(x²) + epsilon) · weight, over as many values as the weight has; y may be x.
  void normalise(const float* x, const std::vector<float>& weight, float epsilon, float* y) const {
    const auto n = static_cast<std::int64_t>(weight.size());
    const float mean = kernels_.sum_of_squares(x, n) / static_cast<float>(n);
    kernels_.scale_by(x, 1.0f / std::sqrt(mean + epsilon), weight.data(), y, n);
  }

  Activations multiply(const PackedMatrix& w, Activations x) {
    assert(w.cols == x.width);
    const Activations out = make(x.tokens, w.rows);
    pool_.split(w.rows, row_grain, [&](std::int64_t begin, std::int64_t end) {
      w.matmul(w.row(begin), w.row_bytes, end - begin, w.cols, data(x), x.width, x.tokens, data(out) + begin,
               w.rows);
    });
    return out;
  }

  const kernels::Kernels& kernels_;
  ThreadPool& pool_;
  comm::Comm& comm_;
  Options options_;
  Step step_;
  std::uint64_t step_number_ = 0;
  Arena scratch_;
  std::vector<float> carried_;
};

}  // namespace

std::unique_ptr<Ops> make_ops(const kernels::Kernels& kernels, ThreadPool& pool, comm::Comm& comm,
                              const Options& options) {
  return std::make_unique<CpuOps>(kernels, pool, comm, options);
}

}  // namespace yoke::ops::cpu
