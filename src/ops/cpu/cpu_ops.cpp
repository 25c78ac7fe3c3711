#include "ops/cpu/cpu_ops.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <deque>
#include <vector>

#include "base/arena.h"
#include "base/saturating.h"
#include "ops/cpu/cpu_attention.h"
#include "ops/cpu/cpu_experts.h"
#include "ops/cpu/cpu_latents.h"
#include "ops/cpu/cpu_matrix.h"
#include "ops/cpu/cpu_norms.h"
#include "ops/cpu/cpu_recurrent.h"
#include "ops/cpu/cpu_rope.h"
#include "ops/cpu/cpu_weights.h"
#include "ops/cpu/routing.h"

namespace yoke::ops::cpu {
namespace {

const WeightMatrix& matrix(const std::unique_ptr<Storage>& storage) {
  return static_cast<const WeightMatrix&>(*storage);
}
const ExpertMatrices& expert_matrices(const std::unique_ptr<Storage>& storage) {
  return static_cast<const ExpertMatrices&>(*storage);
}
const RoutedTokens& routed_tokens(const Routing& routing) {
  return *static_cast<const RoutedTokens*>(routing.handle);
}
const std::vector<float>& values(const Vector& vector) {
  return static_cast<const FloatVector&>(*vector.storage).values;
}
/// Null where there is none.
const float* values_or_none(const Vector& vector) { return vector ? values(vector).data() : nullptr; }
float* data(const Activations& x) { return static_cast<float*>(x.handle); }
float* row(const Activations& x, std::int64_t token) { return data(x) + token * x.width; }
void multiply_by(float factor, float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] *= factor;
}

class CpuOps final : public Ops {
 public:
  CpuOps(const kernels::Kernels& kernels, ThreadPool& pool, comm::Comm& comm, const Options& options)
      : kernels_(kernels), pool_(pool), comm_(comm), options_(options) {}

  bool can_multiply(quant::Type type) const override { return kernels_.matmul(type) != nullptr; }
  bool can_decode(quant::Type type) const override { return quant::format(type).dequantize != nullptr; }

  std::uint64_t kv_cache_bytes(const Heads& heads, const CacheSize& size,
                               std::int64_t window) const override {
    return paged_kv_bytes(options_.kv_type, heads, PageMap::of(size, window).pages);
  }
  std::uint64_t matrix_bytes(const Slice& slice) const override {
    return options_.activations == kernels::ActivationType::f32 ? slice.bytes() : panel_matrix_bytes(slice);
  }
  std::uint64_t attend_bytes(const Heads& heads, const CacheSize& size, std::int64_t window) const override {
    return attend_scratch_bytes(heads, PageMap::of(size, window), size.step_tokens);
  }
  std::uint64_t delta_bytes(const DeltaHeads& heads, std::int64_t taps, std::int64_t slots) const override {
    return saturating_sum(convolution_bytes(heads.channels(), taps, slots), delta_state_bytes(heads, slots));
  }
  std::uint64_t attend_latents_bytes(const Heads& latents, std::int64_t k_dim, std::int64_t v_dim,
                                     const CacheSize& size) const override {
    return latents_scratch_bytes(latents, k_dim, v_dim, size);
  }
  std::uint64_t activation_bytes() const override {
    return scratch_.capacity() + sizeof(float) * carried_.capacity();
  }

  RowMatrix load_rows(const Slice& slice) override { return {load_matrix(slice), slice.rows, slice.cols}; }
  ColMatrix load_cols(const Slice& slice) override { return {load_matrix(slice), slice.rows, slice.cols}; }
  RowExperts load_row_experts(std::span<const Slice> slices) override {
    return {load_experts(slices), std::ssize(slices)};
  }
  ColExperts load_col_experts(std::span<const Slice> slices) override {
    return {load_experts(slices), std::ssize(slices)};
  }
  HeadMatrices load_heads(std::span<const Slice> slices, std::int64_t rows, std::int64_t cols) override {
    return {load_experts(slices), std::ssize(slices), rows, cols};
  }
  Vector load_vector(const Slice& slice) override { return {read_vector(slice), slice.rows * slice.cols}; }
  Embedding load_embedding(const Slice& slice) override {
    return {read_rows(slice, pool_, weights_), slice.rows, slice.cols};
  }
  Rope make_rope(const RopeSpec& spec) override { return {std::make_unique<RopeTable>(spec)}; }
  KvCache make_kv_cache(const Heads& heads, const CacheSize& size, std::int64_t window) override {
    return {std::make_unique<PagedKv>(kernels_.kv(options_.kv_type), heads, PageMap::of(size, window))};
  }

  Convolution make_convolution(Vector weights, std::int64_t taps, std::int64_t slots) override {
    return {std::make_unique<ShortConvolution>(values(weights), taps, slots)};
  }
  DeltaState make_delta_state(const DeltaHeads& heads, std::int64_t slots) override {
    return {std::make_unique<DeltaStates>(heads, slots)};
  }

  void begin_step(const Step& step) override {
    step_ = step;
    ++step_number_;
    forget();
  }

  Activations carry_over(Activations x) override {
    const std::size_t n = static_cast<std::size_t>(x.tokens * x.width);
    if (data(x) != carried_.data()) {
      if (carried_.size() < n) carried_.resize(n);
      for_tokens(x, [&](std::int64_t t) { std::copy_n(row(x, t), x.width, carried_.data() + t * x.width); });
    }
    forget();
    return {carried_.data(), x.tokens, x.width};
  }

  Activations embed(const Embedding& table) override {
    const Activations out = make(tokens(), table.cols);
    decode_rows(static_cast<const FileRows&>(*table.storage), step_.tokens, data(out));
    return out;
  }

  Activations embed_positions(const Embedding& table) override {
    const Activations out = make(tokens(), table.cols);
    decode_rows(static_cast<const FileRows&>(*table.storage), step_.positions, data(out));
    return out;
  }

  Normed rms_norm(Activations x, const Vector& weight, float epsilon) override {
    assert(weight.size == x.width);
    return normed(x, weight, {}, epsilon, false);
  }

  Normed layer_norm(Activations x, const Vector& weight, const Vector& bias, float epsilon) override {
    assert(weight.size == x.width && (!bias || bias.size == x.width));
    return normed(x, weight, bias, epsilon, true);
  }

  Activations rms_norm_heads(Activations x, const Vector& weight, float epsilon) override {
    assert(x.width % weight.size == 0);
    for_tokens(x, [&](std::int64_t t) {
      for (std::int64_t first = 0; first < x.width; first += weight.size)
        rms_norm_at(row(x, t) + first, values(weight), epsilon);
    });
    return x;
  }

  Activations rms_norm_heads(Activations x, std::int64_t head_dim, float epsilon) override {
    assert(x.width % head_dim == 0);
    for_tokens(x, [&](std::int64_t t) {
      for (float* head = row(x, t); head < row(x, t) + x.width; head += head_dim) {
        const float factor = inverse_root(kernels_.sum_of_squares(head, head_dim), head_dim, epsilon);
        for (std::int64_t i = 0; i < head_dim; ++i) head[i] *= factor;
      }
    });
    return x;
  }

  Activations rms_norm_first(Activations x, const Vector& weight, float epsilon) override {
    assert(weight.size <= x.width);
    for_tokens(x, [&](std::int64_t t) { rms_norm_at(row(x, t), values(weight), epsilon); });
    return x;
  }

  Normed unnormed(Activations x) override { return {x, &operands_.emplace_back(operand(x))}; }

  void rms_norm_split(std::span<const SplitNorm> norms, float epsilon) override {
    const Activations sums = make(tokens(), std::ssize(norms));
    for (std::int64_t i = 0; i < sums.width; ++i) {
      const SplitNorm& norm = norms[i];
      assert(norm.weight.size == norm.x.width && norm.first_counted + norm.counted <= norm.x.width);
      for_tokens(norm.x, [&](std::int64_t t) {
        row(sums, t)[i] = kernels_.sum_of_squares(row(norm.x, t) + norm.first_counted, norm.counted);
      });
    }
    reduce(sums);
    for (std::int64_t i = 0; i < sums.width; ++i) {
      const SplitNorm& norm = norms[i];
      for_tokens(norm.x, [&](std::int64_t t) {
        const float factor = inverse_root(row(sums, t)[i], norm.width, epsilon);
        kernels_.scale_by(row(norm.x, t), factor, values(norm.weight).data(), row(norm.x, t), norm.x.width);
      });
    }
  }

  Activations layer_norm_heads(Activations x, const Vector& weight, std::int64_t head_dim,
                               float epsilon) override {
    assert(weight.size == x.width && x.width % head_dim == 0);
    for_tokens(x, [&](std::int64_t t) {
      for (std::int64_t first = 0; first < x.width; first += head_dim) {
        float* const head = row(x, t) + first;
        centre(kernels_, head, head_dim, head);
        normalise(kernels_, head, values(weight).data() + first, head_dim, epsilon, head);
      }
    });
    return x;
  }

  void matmul(std::span<const Linear> products, const Normed& x) override {
    std::vector<Product> all;
    for (const Linear& each : products) {
      *each.out = make(x.value.tokens, each.w.rows);
      all.push_back({&matrix(each.w.storage), data(*each.out)});
    }
    multiply(all, operand(x), tools());
    for (const Linear& each : products) add_bias(*each.out, each.bias);
  }

  Activations gated(Gate kind, const RowMatrix& gate, const Vector& gate_bias, const RowMatrix& up,
                    const Vector& up_bias, const Normed& x) override {
    const Activations out = make(x.value.tokens, gate.rows);
    const Activations other = make(x.value.tokens, up.rows);
    const GatedProduct product{.gate = {&matrix(gate.storage), data(out)},
                               .up = {&matrix(up.storage), data(other)},
                               .gate_bias = values_or_none(gate_bias),
                               .up_bias = values_or_none(up_bias),
                               .x = &operand(x)};
    product.gate.matrix->prepare(operand(x), tools());
    product.up.matrix->prepare(operand(x), tools());
    multiply_gated({&product, 1}, unit_of(kind), tools());
    return out;
  }

  Routing route(Activations scores, const RouteSpec& spec, const Vector& selection_bias) override {
    return {&routings_.emplace_back(cpu::route(data(scores), scores.tokens, scores.width, spec,
                                               values_or_none(selection_bias), tools()))};
  }

  Activations add_expert_bias(Activations x, const Vector& biases, const Routing& routing) override {
    if (!biases) return x;
    const RoutedTokens& routed = routed_tokens(routing);
    for (const auto& [expert, first, n] : routed.groups) {
      for (std::int64_t i = first; i < first + n; ++i) {
        kernels_.add_scaled(row(x, routed.tokens[i]), values(biases).data() + expert * x.width,
                            routed.weights[i], x.width);
      }
    }
    return x;
  }

  Activations rope(const Rope& rope, Activations x, std::int64_t head_dim) override {
    auto& table = static_cast<RopeTable&>(*rope.storage);
    table.prepare(step_number_, step_.positions);
    split_tokens(x, [&](std::int64_t begin, std::int64_t end) {
      table.rotate({data(x), x.tokens, x.width}, begin, end, head_dim, kernels_);
    });
    return x;
  }

  Activations attend(const Heads& heads, KvCache& cache, Activations q, Activations k, Activations v,
                     const AttendSpec& spec) override {
    assert(q.width == heads.n_heads * heads.k_dim);
    assert(k.width == (heads.keys_hold_values ? 1 : heads.n_kv_heads) * heads.k_dim);
    assert(heads.keys_hold_values || v.width == heads.n_kv_heads * heads.v_dim);
    assert(!spec.sinks || spec.sinks.size == heads.n_heads);
    const auto& pages = static_cast<const PagedKv&>(*cache.storage);
    store(step_, heads, pages, pool_, data(k), data(v));
    const Activations out = make(tokens(), heads.n_heads * heads.v_dim);
    const ArenaScope scope(scratch_);
    cpu::attend(step_, heads, spec, values_or_none(spec.sinks), pages, tools(), data(q), data(out));
    return out;
  }

  Activations convolve(Convolution& convolution, Activations x) override {
    auto& storage = static_cast<ShortConvolution&>(*convolution.storage);
    assert(x.width == storage.channels);
    const Activations out = make(x.tokens, x.width);
    cpu::convolve(step_, storage, tools(), data(x), data(out));
    return out;
  }

  Activations delta_rule(const DeltaHeads& heads, DeltaState& state, const DeltaInputs& x) override {
    assert(x.qkv.width == heads.channels() && x.scores.width == 2 * heads.n_v_heads());
    assert(x.score_bias.size == heads.n_v_heads() && x.rate.size == heads.n_v_heads());
    const Activations out = make(tokens(), heads.n_v_heads() * heads.v_dim);
    const ArenaScope scope(scratch_);
    cpu::delta_rule(step_, heads, static_cast<DeltaStates&>(*state.storage),
                    {.qkv = data(x.qkv),
                     .scores = data(x.scores),
                     .score_bias = values(x.score_bias).data(),
                     .rate = values(x.rate).data(),
                     .epsilon = x.epsilon},
                    tools(), data(out));
    return out;
  }

  Activations attend_latents(const Heads& heads, KvCache& cache, Activations q, Activations latents,
                             const LatentSpec& spec) override {
    const auto& pages = static_cast<const PagedKv&>(*cache.storage);
    assert(heads.keys_hold_values && latents.width == heads.k_dim);
    assert(q.width == heads.n_heads * (spec.k_b.cols + heads.k_dim - heads.v_dim));
    store(step_, heads, pages, pool_, data(latents), nullptr);
    const Activations out = make(tokens(), heads.n_heads * spec.v_b.rows);
    if (heads.n_heads == 0) return out;
    const LatentHeads of_rank{.kept = heads,
                              .k_b = expert_matrices(spec.k_b.storage).of,
                              .v_b = expert_matrices(spec.v_b.storage).of,
                              .scale = spec.scale};
    cpu::attend_latents(step_, of_rank, spec.expand_from, pages, tools(), data(q), data(out));
    return out;
  }

  Activations add(Activations x, Activations y) override {
    assert(x.tokens == y.tokens && x.width == y.width);
    for_tokens(x, [&](std::int64_t t) { kernels_.add(row(x, t), row(y, t), x.width); });
    return x;
  }

  Activations scale_by_position(Activations x, const PositionScale& by) override {
    assert(by.length > 0 && x.tokens == tokens());
    if (by.slope == 0) return x;
    for_tokens(x, [&](std::int64_t t) {
      const std::int64_t lengths = (step_.positions[t] + by.offset) / by.length;
      const auto factor = static_cast<float>(1 + by.slope * std::log1p(static_cast<double>(lengths)));
      for (std::int64_t i = 0; i < x.width; ++i) row(x, t)[i] *= factor;
    });
    return x;
  }

  Activations scale(Activations x, float factor) override {
    for_tokens(x, [&](std::int64_t t) { multiply_by(factor, row(x, t), x.width); });
    return x;
  }

  Activations soft_cap(Activations x, float cap) override {
    for_tokens(x, [&](std::int64_t t) { kernels_.soft_cap(row(x, t), cap, row(x, t), x.width); });
    return x;
  }

  Activations gated(Gate kind, Activations gate, Activations up) override {
    assert(gate.tokens == up.tokens && gate.width == up.width);
    const auto unit = unit_of(kind);
    for_tokens(gate, [&](std::int64_t t) { unit(row(gate, t), row(up, t), row(gate, t), gate.width); });
    return gate;
  }

  Activations gelu(Activations x) override {
    constexpr std::int64_t piece = 64;
    std::array<float, piece> ones;
    ones.fill(1);
    for_tokens(x, [&](std::int64_t t) {
      for (std::int64_t i = 0; i < x.width; i += piece)
        kernels_.gelu_mul(row(x, t) + i, ones.data(), row(x, t) + i, std::min(piece, x.width - i));
    });
    return x;
  }

  Activations scale_by_sigmoid(Activations x, Activations score) override {
    assert(x.tokens == score.tokens && score.width == 1);
    for_tokens(x, [&](std::int64_t t) {
      float factor = 0;
      kernels_.sigmoid(row(score, t), &factor, 1);
      multiply_by(factor, row(x, t), x.width);
    });
    return x;
  }

  Activations write(MatrixView<const float> from) override {
    assert(from.rows == tokens());
    const Activations out = make(from.rows, from.cols);
    for (std::int64_t t = 0; t < out.tokens; ++t) std::copy_n(from.row(t).data(), out.width, row(out, t));
    return out;
  }

  Activations concat(Activations x, Activations y) override {
    assert(x.tokens == y.tokens);
    const Activations out = make(x.tokens, x.width + y.width);
    for (std::int64_t t = 0; t < x.tokens; ++t)
      std::copy_n(row(y, t), y.width, std::copy_n(row(x, t), x.width, row(out, t)));
    return out;
  }

  Activations columns(Activations x, std::int64_t first, std::int64_t n) override {
    assert(first >= 0 && n >= 0 && first + n <= x.width);
    const Activations out = make(x.tokens, n);
    for_tokens(out, [&](std::int64_t t) { std::copy_n(row(x, t) + first, n, row(out, t)); });
    return out;
  }

  Activations add_bias(Activations x, const Vector& bias) override {
    if (!bias) return x;
    assert(bias.size == x.width);
    for_tokens(x, [&](std::int64_t t) { kernels_.add(row(x, t), values(bias).data(), x.width); });
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
    const Activations out = make(x.tokens, w.rows);
    const ArenaScope scope(scratch_);
    Operand read = operand(x);
    const Product product{&matrix(w.storage), data(out)};
    multiply({&product, 1}, read, tools());
    return out;
  }

  Activations partial_experts(const ExpertUnits& units, const Normed& x, const Routing& routing) override {
    const Activations out = make(x.value.tokens, x.value.width);
    std::fill_n(data(out), out.tokens * out.width, 0.0f);
    const ExpertsProduct experts{.gate = expert_matrices(units.gate.storage),
                                 .up = expert_matrices(units.up.storage),
                                 .down = expert_matrices(units.down.storage),
                                 .gate_bias = values_or_none(units.gate_bias),
                                 .up_bias = values_or_none(units.up_bias),
                                 .unit = unit_of(units.kind),
                                 .weighs_inputs = units.weighs_inputs};
    prepare(experts, operand(x), tools());  // may serve other matrices, too
    const ArenaScope scope(scratch_);
    add_experts(experts, operand(x), routed_tokens(routing), tools(), out.width, data(out));
    return out;
  }

  Activations reduce(Activations addend) override {
    comm_.all_reduce({data(addend), static_cast<std::size_t>(addend.tokens * addend.width)});
    return addend;
  }

 private:
  std::int64_t tokens() const { return static_cast<std::int64_t>(step_.tokens.size()); }

  Activations make(std::int64_t n_tokens, std::int64_t width) {
    return {scratch_.floats(n_tokens * width).data(), n_tokens, width};
  }

  /// The norm is made in the first product that reads it.
  Normed normed(Activations x, const Vector& weight, const Vector& bias, float epsilon, bool centred) {
    const Activations out = make(x.tokens, x.width);
    Operand& made = operands_.emplace_back(operand(out));
    made.norm = {.x = data(x),
                 .y = data(out),
                 .weight = values(weight).data(),
                 .bias = values_or_none(bias),
                 .epsilon = epsilon,
                 .centred = centred};
    return {out, &made};
  }
  /// rms_norm of as many values as the weight has, where they are.
  void rms_norm_at(float* x, const std::vector<float>& weight, float epsilon) const {
    normalise(kernels_, x, weight.data(), std::ssize(weight), epsilon, x);
  }

  /// body(begin, end) for ranges of the tokens of x, which threads share where that is worth a region.
  template <class Body>
  void split_tokens(const Activations& x, const Body& body) {
    constexpr std::int64_t values_of_a_thread = 1 << 15;
    pool_.split(x.tokens, std::max<std::int64_t>(1, values_of_a_thread / std::max<std::int64_t>(1, x.width)),
                body);
  }
  /// body(t) for each of them.
  template <class Body>
  void for_tokens(const Activations& x, const Body& body) {
    split_tokens(x, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) body(t);
    });
  }

  std::unique_ptr<WeightMatrix> load_matrix(const Slice& slice) {
    return options_.activations == kernels::ActivationType::f32
               ? load_file_rows(slice, kernels_, pool_, weights_)
               : load_panels(slice, kernels_, pool_, weights_);
  }

  std::unique_ptr<Storage> load_experts(std::span<const Slice> slices) {
    auto experts = std::make_unique<ExpertMatrices>();
    for (const Slice& slice : slices) experts->of.push_back(load_matrix(slice));
    return experts;
  }

  kernels::Kernels::GateMul unit_of(Gate kind) const {
    switch (kind) {
      case Gate::silu:
        return kernels_.silu_mul;
      case Gate::sigmoid:
        return kernels_.sigmoid_mul;
      case Gate::gelu:
        return kernels_.gelu_mul;
      case Gate::clamped_swiglu:
        break;
    }
    return kernels_.clamped_swiglu_mul;
  }

  Tools tools() { return {kernels_, pool_, scratch_}; }
  static Operand operand(Activations x) { return {data(x), x.tokens, x.width}; }
  static Operand& operand(const Normed& x) { return *static_cast<Operand*>(x.prepared); }
  /// Takes back what lives until the layer ends.
  void forget() {
    scratch_.reset();
    operands_.clear();
    routings_.clear();
  }

  const kernels::Kernels& kernels_;
  ThreadPool& pool_;
  comm::Comm& comm_;
  Options options_;
  WeightMemory weights_;
  Step step_;
  std::uint64_t step_number_ = 0;
  Arena scratch_;
  std::deque<Operand> operands_;  // of what has been normalised
  std::deque<RoutedTokens> routings_;
  std::vector<float> carried_;
};

}  // namespace

std::unique_ptr<Ops> make_ops(const kernels::Kernels& kernels, ThreadPool& pool, comm::Comm& comm,
                              const Options& options) {
  return std::make_unique<CpuOps>(kernels, pool, comm, options);
}

}  // namespace yoke::ops::cpu
