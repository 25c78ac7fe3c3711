// Tiles of the KV cache for each KvType: how kernels write and read them. kv_layout.h says what lies where.
// Written over F32x16 and I32x16, which vec_*.h and vec64_*.h define before; see vec_scalar.h.
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

/// Tiles of q8. A code times its scale is exact in F32.
struct Q8Tile {
  struct Keys {
    const std::byte* data;
    void prefetch(int step) const {
      __builtin_prefetch(data + step / scaled_values * key_group_bytes + step % scaled_values * panel_lanes +
                         prefetch_distance);
    }
    F32x16 at(int step, int vector) const {
      const std::byte* const group = data + step / scaled_values * key_group_bytes;
      return F32x16::load_i8(group + key_scale_bytes + step % scaled_values * panel_lanes + 16 * vector) *
             F32x16::load_f16(group + 32 * vector);
    }
  };
  struct Values {
    const std::byte* data;
    int lanes;
    void prefetch(int step) const { __builtin_prefetch(data + step * lanes + prefetch_distance); }
    F32x16 at(int step, int vector) const {
      return F32x16::load_i8(data + panel_scale_bytes + step * lanes + 16 * vector) *
             F32x16::broadcast_f16(data + 4 * step + vector / 2 * 2);
    }
  };

  static Keys keys(const std::byte* tile) { return {tile}; }
  static Values values(const std::byte* tile, int k_dim, int v_dim, int first) {
    return {tile + q8_key_bytes(k_dim) + q8_value_bytes(first), lanes_of_panel(v_dim, first)};
  }

  static void store(const float* k, const float* v, int k_dim, int v_dim, int slot, std::byte* tile) {
    for (int first = 0; first < k_dim; first += scaled_values) {
      const Codes codes(k + first, k_dim - first);
      std::byte* const group = tile + first / scaled_values * key_group_bytes;
      __builtin_memcpy(group + 2 * slot, codes.scale, 2);
      for (int i = 0; i < scaled_values && first + i < k_dim; ++i)
        group[key_scale_bytes + i * panel_lanes + slot] = static_cast<std::byte>(codes.of[i]);
    }
    for (int first = 0; first < v_dim; first += scaled_values) {
      const Codes codes(v + first, v_dim - first);
      const int in_panel = first % panel_lanes;
      const int lanes = lanes_of_panel(v_dim, first - in_panel);
      std::byte* const panel = tile + q8_key_bytes(k_dim) + q8_value_bytes(first - in_panel);
      __builtin_memcpy(panel + 4 * slot + in_panel / scaled_values * 2, codes.scale, 2);
      const int n = lanes - in_panel < scaled_values ? lanes - in_panel : scaled_values;
      __builtin_memcpy(panel + panel_scale_bytes + slot * lanes + in_panel, codes.of,
                       static_cast<std::size_t>(n));
    }
  }

 private:
  /// Up to 32 values as multiples of their largest magnitude / 127.
  struct Codes {
    std::int8_t of[scaled_values];
    std::byte scale[2];

    Codes(const float* x, int n) {
      constexpr float most_code = 127.0f, largest = most_code * 65504.0f;
      const F32x16 low = saturated(load(x, n < 16 ? n : 16), largest);
      const F32x16 high =
          n <= 16 ? F32x16::broadcast(0.0f) : saturated(load(x + 16, n < 32 ? n - 16 : 16), largest);
      const float most = max(magnitude(low), magnitude(high)).reduce_max();
      std::byte scales[32];
      F32x16::broadcast(most / most_code).store_f16(scales);
      __builtin_memcpy(scale, scales, sizeof scale);
      std::uint16_t half = 0;
      __builtin_memcpy(&half, scales, sizeof half);
      const float step = float_of_half(half);
      const F32x16 inverse = F32x16::broadcast(step > 0 ? 1 / step : 0.0f);
      store_low_bytes(nearest(saturated(low * inverse, most_code)), of);
      store_low_bytes(nearest(saturated(high * inverse, most_code)), of + 16);
    }
  };
};

}  // namespace
}  // namespace yoke::kernels
