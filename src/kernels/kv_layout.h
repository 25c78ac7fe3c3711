// Where a tile of the KV cache has what. Keys come first, as a panel of k_dim steps: step i holds value i of
// each of the 64 positions, so that a lane is a position and scores need no sums over lanes. Then values, in
// panels of 64 dimensions (the last has what is left, a multiple of 16): a step is a position, a lane a
// dimension. So both products of attention walk through memory from front to back.
#pragma once

#include <cstdint>

#include "kernels/kv.h"

namespace yoke::kernels {
namespace {

constexpr int panel_lanes = tile_positions;

constexpr std::int64_t whole_vectors(std::int64_t values) { return (values + 15) / 16 * 16; }

/// Bytes of a tile's keys, and of its values, in a type that stores `element` bytes for each.
constexpr std::int64_t key_bytes(std::int64_t k_dim, std::int64_t element) {
  return k_dim * tile_positions * element;
}
constexpr std::int64_t value_bytes(std::int64_t v_dim, std::int64_t element) {
  return whole_vectors(v_dim) * tile_positions * element;
}

/// The same in q8. Keys are groups of 32 steps, each behind the F16 scales of the 64 positions; a panel of
/// values lies behind two F16 scales for each position.
constexpr int scaled_values = 32;
constexpr std::int64_t key_scale_bytes = tile_positions * 2;
constexpr std::int64_t key_group_bytes = key_scale_bytes + scaled_values * panel_lanes;
constexpr std::int64_t panel_scale_bytes = tile_positions * 2 * 2;

constexpr std::int64_t q8_key_bytes(std::int64_t k_dim) {
  return k_dim * panel_lanes + (k_dim + scaled_values - 1) / scaled_values * key_scale_bytes;
}
constexpr std::int64_t q8_value_bytes(std::int64_t v_dim) {
  return whole_vectors(v_dim) * tile_positions + (v_dim + panel_lanes - 1) / panel_lanes * panel_scale_bytes;
}

/// Dimensions of the values' panel that begins with dimension `first`, filled up to whole vectors.
constexpr int lanes_of_panel(int v_dim, int first) {
  return static_cast<int>(v_dim - first < panel_lanes ? whole_vectors(v_dim - first) : panel_lanes);
}

}  // namespace
}  // namespace yoke::kernels
