// How attention keeps keys and values, and what its kernels take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace yoke::kernels {

/// Positions in a tile of attention and in a page of the KV cache. Tiles are merged in order, so results do
/// not depend on how a sequence was cut into batches.
inline constexpr int tile_positions = 64;

/// How keys and values are stored. What lies beyond the range of a type becomes its largest value, and so
/// does a NaN among values, which is why a token cannot spoil those that do not see it. A NaN among keys
/// stays one, except in q8.
enum class KvType : std::uint8_t {
  f16,
  f32,
  q8,  // int8, and one F16 scale for each 32 dimensions of a position
};

/// "f16".
std::string_view name_of(KvType type);
/// Throws Error for a name that is none; the sentence lists those there are.
KvType kv_type_named(std::string_view name);

/// Bytes of one tile: the keys and values of tile_positions positions of one KV head.
std::uint64_t kv_tile_bytes(KvType type, std::int64_t k_dim, std::int64_t v_dim);

/// One query head of one token, on its way through the tiles it sees.
struct AttentionRow {
  const float* q;  // (k_dim)
  float* acc;      // (v_dim): Σ e^(score − max)·v of the tiles so far
  float max;       // of the scores so far; −∞ before the first
  float sum;       // Σ e^(score − max)
  int begin, end;  // of the next tile: the positions that are seen, none where they are equal
};

/// What attention makes of q·k before positions are weighed by it.
struct ScoreSpec {
  float scale = 1;  // multiplies q·k
  float cap = 0;    // where there is one, cap·tanh(score / cap) takes the place of a score
};

/// The kernels of one type. Tiles are at multiples of 64 bytes and of kv_tile_bytes() length.
struct KvKernels {
  KvType type;

  /// Writes a key (k_dim) and a value (v_dim) to position `slot` of a tile.
  void (*store)(const float* k, const float* v, int k_dim, int v_dim, int slot, std::byte* tile);
  /// Merges one tile into each row: scores of the positions seen, then max, e^, sum and Σ·v.
  /// Positions that no row sees may hold anything. A row's bits do not depend on the rows beside it.
  void (*attend)(AttentionRow* rows, int n_rows, const std::byte* tile, int k_dim, int v_dim,
                 const ScoreSpec& spec);
  /// The same where the first v_dim dimensions of a key are its value: a tile has been stored with no keys
  /// and with values of k_dim dimensions, so that a NaN among them becomes the largest value.
  void (*attend_shared)(AttentionRow* rows, int n_rows, const std::byte* tile, int k_dim, int v_dim,
                        const ScoreSpec& spec);
};

}  // namespace yoke::kernels
