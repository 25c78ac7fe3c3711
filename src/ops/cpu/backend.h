// The CPU backend behind cpu_ops.h: handles in, arrays to the functions beside it, handles out. Its
// operations stand in one file per subject.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/thread_pool.h"
#include "base/time_account.h"
#include "comm/comm.h"
#include "kernels/kernels.h"
#include "ops/cpu/cpu_matrix.h"
#include "ops/cpu/cpu_ops.h"
#include "ops/cpu/cpu_weights.h"
#include "ops/cpu/operand.h"
#include "ops/cpu/routing.h"
#include "ops/cpu/tools.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

class Backend final : public Ops {
 public:
  Backend(const kernels::Kernels& kernels, ThreadPool& pool, comm::Comm& comm, const Options& options)
      : kernels_(kernels), pool_(pool), comm_(comm), options_(options) {}

  // Loading: backend_loading.cpp.
  bool can_multiply(quant::Type type) const override;
  bool can_decode(quant::Type type) const override;
  std::uint64_t matrix_bytes(const Slice& slice) const override;
  std::uint64_t kv_cache_bytes(const Heads& heads, const CacheSize& size, std::int64_t window) const override;
  std::uint64_t attend_bytes(const Heads& heads, const CacheSize& size, std::int64_t window) const override;
  std::uint64_t attend_latents_bytes(const Heads& latents, std::int64_t k_dim, std::int64_t v_dim,
                                     const CacheSize& size, bool expands) const override;
  std::uint64_t delta_bytes(const DeltaHeads& heads, std::int64_t taps, std::int64_t states) const override;
  RowMatrix load_rows(const Slice& slice) override;
  ColMatrix load_cols(const Slice& slice) override;
  RowExperts load_row_experts(std::span<const Slice> slices) override;
  ColExperts load_col_experts(std::span<const Slice> slices) override;
  HeadMatrices load_heads(std::span<const Slice> slices, std::int64_t rows, std::int64_t cols) override;
  Vector load_vector(const Slice& slice) override;
  Embedding load_embedding(const Slice& slice) override;
  Rope make_rope(const RopeSpec& spec) override;
  KvCache make_kv_cache(const Heads& heads, const CacheSize& size, std::int64_t window) override;
  Convolution make_convolution(Vector weights, std::int64_t taps, std::int64_t states) override;
  DeltaState make_delta_state(const DeltaHeads& heads, std::int64_t states) override;

  // Steps: backend_steps.cpp.
  void begin_step(const Step& step) override;
  Activations carry_over(Activations x) override;
  std::uint64_t activation_bytes() const override;
  Activations embed(const Embedding& table) override;
  Activations embed_positions(const Embedding& table) override;
  Activations write(MatrixView<const float> from) override;
  Activations wanted(Activations x) override;
  MatrixView<float> read(Activations x) override;
  void set_sends_parts(bool sends_parts) override { sends_parts_ = sends_parts; }
  void set_meanwhile(std::function<void()> meanwhile) override { meanwhile_ = std::move(meanwhile); }

  // Norms: backend_norms.cpp.
  Normed rms_norm(Activations x, const Vector& weight, float epsilon) override;
  Normed layer_norm(Activations x, const Vector& weight, const Vector& bias, float epsilon) override;
  Normed unnormed(Activations x) override;
  Activations rms_norm_heads(Activations x, const Vector& weight, float epsilon) override;
  Activations rms_norm_heads(Activations x, std::int64_t head_dim, float epsilon) override;
  Activations rms_norm_first(Activations x, const Vector& weight, float epsilon) override;
  void rms_norm_split(std::span<const SplitNorm> norms, float epsilon) override;
  Activations layer_norm_heads(Activations x, const Vector& weight, std::int64_t head_dim,
                               float epsilon) override;

  // Products: backend_products.cpp.
  void matmul(std::span<const Linear> products, const Normed& x) override;
  Activations gated(Gate kind, const RowMatrix& gate, const Vector& gate_bias, const RowMatrix& up,
                    const Vector& up_bias, const Normed& x) override;
  Activations gated(Gate kind, Activations gate, Activations up) override;
  Routing route(Activations scores, const RouteSpec& spec, const Vector& selection_bias) override;
  Activations add_expert_bias(Activations x, const Vector& biases, const Routing& routing) override;

  // Sequences: backend_sequences.cpp.
  Activations rope(const Rope& rope, Activations x, std::int64_t head_dim) override;
  Activations attend(const Heads& heads, KvCache& cache, Activations q, Activations k, Activations v,
                     const AttendSpec& spec) override;
  Activations attend_latents(const Heads& heads, KvCache& cache, Activations q, Activations latents,
                             const LatentSpec& spec) override;
  Activations convolve(Convolution& convolution, Activations x) override;
  Activations delta_rule(const DeltaHeads& heads, DeltaState& state, const DeltaInputs& x) override;

  // Values: backend_values.cpp.
  Activations add(Activations x, Activations y) override;
  Activations add_bias(Activations x, const Vector& bias) override;
  Activations scale(Activations x, float factor) override;
  Activations scale_by_position(Activations x, const PositionScale& by) override;
  Activations scale_by_sigmoid(Activations x, Activations score) override;
  Activations soft_cap(Activations x, float cap) override;
  Activations gelu(Activations x) override;
  Activations concat(Activations x, Activations y) override;
  Activations columns(Activations x, std::int64_t first, std::int64_t n) override;
  Activations rows(Activations x, std::int64_t first, std::int64_t n) override;

 protected:
  // Of the products.
  Activations partial_matmul(const ColMatrix& w, Activations x) override;
  Activations partial_experts(const ExpertUnits& units, const Normed& x, const Routing& routing) override;
  // Of the steps.
  Activations reduce(Activations addend) override;
  Activations reduce_product(const ColMatrix& w, Activations x) override;

 private:
  std::unique_ptr<WeightMatrix> load_matrix(const Slice& slice);
  std::unique_ptr<Storage> load_experts(std::span<const Slice> slices);
  /// The norm is made in the first product that reads it.
  Normed normed(Activations x, const Vector& weight, const Vector& bias, float epsilon, bool centred);
  /// As reduce_product(), of one token: the rows before `cut` are sent before the others are computed.
  Activations reduce_in_parts(const ColMatrix& w, Activations x, std::int64_t cut);
  comm::PendingSum start_sum(float* first, std::int64_t n) {
    return comm_.start_all_reduce({first, static_cast<std::size_t>(n)}, options_.wire);
  }
  /// Takes back what lives until the layer ends.
  void forget();

  std::int64_t tokens() const { return static_cast<std::int64_t>(step_.tokens.size()); }
  /// Until it ends, the time counts as this.
  ActivityScope spend_on(Activity activity) { return {comm_.time(), activity}; }
  Tools tools() { return {kernels_, pool_, scratch_}; }
  Activations make(std::int64_t n_tokens, std::int64_t width) {
    return {scratch_.floats(n_tokens * width).data(), n_tokens, width};
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
  std::function<void()> meanwhile_;
  bool sends_parts_ = false;
};

}  // namespace yoke::ops::cpu
