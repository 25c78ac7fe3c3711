// Tiles of the KV cache for each KvType: how kernels write and read them. kv_layout.h says what lies where.
// Written over F32x16, which vec_*.h defines before; see vec_scalar.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise.h"
#include "kernels/kv_layout.h"

namespace yoke::kernels {
namespace {

/// No further from 0 than `largest`; so is a NaN.
inline F32x16 saturated(F32x16 x, float largest) {
  return max(min(x, F32x16::broadcast(largest)), F32x16::broadcast(-largest));
}
/// The same, but a NaN stays.
inline F32x16 saturated_unless_nan(F32x16 x, float largest) {
  return max(F32x16::broadcast(-largest), min(F32x16::broadcast(largest), x));
}

/// Bytes between what is read and what is fetched meanwhile. Tiles of one head follow each other in memory.
constexpr int prefetch_distance = 4096;

struct F16Values {
  static constexpr int bytes = 2;
  static constexpr float largest = 65504.0f;
  static F32x16 load(const std::byte* from) { return F32x16::load_f16(from); }
  static void store(F32x16 values, std::byte* to) { values.store_f16(to); }
};

struct F32Values {
  static constexpr int bytes = 4;
  static constexpr float largest = 0x1.fffffep127f;
  static F32x16 load(const std::byte* from) { return F32x16::load(reinterpret_cast<const float*>(from)); }
  static void store(F32x16 values, std::byte* to) { values.store(reinterpret_cast<float*>(to)); }
};

/// Tiles of values that stand for themselves.
template <class Values>
struct PlainTile {
  /// Steps of `lanes` values.
  struct Panel {
    const std::byte* data;
    int lanes;
    /// Fetches what lies a few steps further, be it beyond the panel: hardware prefetchers stop at each 4 KB.
    void prefetch(int step) const {
      const std::byte* const ahead = data + std::int64_t{step} * lanes * Values::bytes + prefetch_distance;
      for (int line = 0; line < panel_lanes * Values::bytes; line += 64) __builtin_prefetch(ahead + line);
    }
    /// Vector `vector` of a step.
    F32x16 at(int step, int vector) const {
      return Values::load(data + std::int64_t{step * lanes + 16 * vector} * Values::bytes);
    }
  };

  static Panel keys(const std::byte* tile) { return {tile, panel_lanes}; }
  /// The panel of values that begins with dimension `first`.
  static Panel values(const std::byte* tile, int k_dim, int v_dim, int first) {
    return {tile + key_bytes(k_dim, Values::bytes) + value_bytes(first, Values::bytes),
            lanes_of_panel(v_dim, first)};
  }

  static void store(const float* k, const float* v, int k_dim, int v_dim, int slot, std::byte* tile) {
    for_vectors(k_dim, [=](std::int64_t i, int count) {
      std::byte stored[16 * Values::bytes];
      Values::store(saturated_unless_nan(load(k + i, count), Values::largest), stored);
      for (int lane = 0; lane < count; ++lane) {
        __builtin_memcpy(tile + ((i + lane) * panel_lanes + slot) * Values::bytes,
                         stored + lane * Values::bytes, Values::bytes);
      }
    });
    for_vectors(v_dim, [=](std::int64_t i, int count) {
      const int first = static_cast<int>(i) / panel_lanes * panel_lanes;
      std::byte* const panel = tile + key_bytes(k_dim, Values::bytes) + value_bytes(first, Values::bytes);
      Values::store(saturated(load(v + i, count), Values::largest),
                    panel + (slot * lanes_of_panel(v_dim, first) + i - first) * Values::bytes);
    });
  }
};

}  // namespace
}  // namespace yoke::kernels
