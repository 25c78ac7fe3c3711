// Loading: what the backend can read, how many bytes it takes, weights and caches.
#include <memory>

#include "base/saturating.h"
#include "ops/cpu/backend.h"
#include "ops/cpu/cpu_attention.h"
#include "ops/cpu/cpu_experts.h"
#include "ops/cpu/cpu_latents.h"
#include "ops/cpu/cpu_matrix.h"
#include "ops/cpu/cpu_recurrent.h"
#include "ops/cpu/cpu_rope.h"
#include "ops/cpu/cpu_weights.h"
#include "ops/cpu/handles.h"
#include "ops/cpu/page_map.h"

namespace yoke::ops::cpu {

bool Backend::can_multiply(quant::Type type) const { return kernels_.matmul(type) != nullptr; }

bool Backend::can_decode(quant::Type type) const { return quant::format(type).dequantize != nullptr; }

std::uint64_t Backend::matrix_bytes(const Slice& slice) const {
  return options_.activations == kernels::ActivationType::f32 ? slice.bytes() : panel_matrix_bytes(slice);
}

std::uint64_t Backend::kv_cache_bytes(const Heads& heads, const CacheSize& size, std::int64_t window) const {
  return paged_kv_bytes(options_.kv_type, heads, PageMap::of(size, window).pages);
}

std::uint64_t Backend::attend_bytes(const Heads& heads, const CacheSize& size, std::int64_t window) const {
  return attend_scratch_bytes(heads, PageMap::of(size, window), size.step_tokens);
}

std::uint64_t Backend::attend_latents_bytes(const Heads& latents, std::int64_t k_dim, std::int64_t v_dim,
                                            const CacheSize& size, bool expands) const {
  return latents_scratch_bytes(latents, k_dim, v_dim, size, expands);
}

std::uint64_t Backend::delta_bytes(const DeltaHeads& heads, std::int64_t taps, std::int64_t states) const {
  return saturating_sum(convolution_bytes(heads.channels(), taps, states), delta_state_bytes(heads, states));
}

RowMatrix Backend::load_rows(const Slice& slice) { return {load_matrix(slice), slice.rows, slice.cols}; }

ColMatrix Backend::load_cols(const Slice& slice) { return {load_matrix(slice), slice.rows, slice.cols}; }

RowExperts Backend::load_row_experts(std::span<const Slice> slices) {
  return {load_experts(slices), std::ssize(slices)};
}

ColExperts Backend::load_col_experts(std::span<const Slice> slices) {
  return {load_experts(slices), std::ssize(slices)};
}

HeadMatrices Backend::load_heads(std::span<const Slice> slices, std::int64_t rows, std::int64_t cols) {
  return {load_experts(slices), std::ssize(slices), rows, cols};
}

Vector Backend::load_vector(const Slice& slice) { return {read_vector(slice), slice.rows * slice.cols}; }

Embedding Backend::load_embedding(const Slice& slice) {
  return {read_rows(slice, pool_, weights_), slice.rows, slice.cols};
}

Rope Backend::make_rope(const RopeSpec& spec) { return {std::make_unique<RopeTable>(spec)}; }

KvCache Backend::make_kv_cache(const Heads& heads, const CacheSize& size, std::int64_t window) {
  return {std::make_unique<PagedKv>(kernels_.kv(options_.kv_type), heads, PageMap::of(size, window))};
}

Convolution Backend::make_convolution(Vector weights, std::int64_t taps, std::int64_t states) {
  return {std::make_unique<ShortConvolution>(values(weights), taps, states)};
}

DeltaState Backend::make_delta_state(const DeltaHeads& heads, std::int64_t states) {
  return {std::make_unique<DeltaStates>(heads, states)};
}

std::unique_ptr<WeightMatrix> Backend::load_matrix(const Slice& slice) {
  return options_.activations == kernels::ActivationType::f32
             ? load_file_rows(slice, kernels_, pool_, weights_)
             : load_panels(slice, kernels_, pool_, weights_);
}

std::unique_ptr<Storage> Backend::load_experts(std::span<const Slice> slices) {
  auto experts = std::make_unique<ExpertMatrices>();
  for (const Slice& slice : slices) experts->of.push_back(load_matrix(slice));
  return experts;
}

}  // namespace yoke::ops::cpu
