// Packed weights: how a matrix lies in memory so that a dot product of bytes needs no shuffling, and the
// kernels that read it.
//
// Sixteen rows make a panel, one lane for each. The atom is 64 bytes: four consecutive columns of sixteen
// rows, row by row, so one instruction multiplies them by four bytes of an activation that all lanes share,
// and no lane is ever added to another. Columns come in units of 64. Formats of four bits hold the first half
// of a unit in low nibbles and the second in high ones.
//
//   panel: groups, one after the other
//   group: what all its units share (header), then what else each unit has (scales), then codes of each unit
//
// Codes of more than one field lie in the order in which a kernel needs them. So a panel is read front to
// back: only then does memory deliver all it can. (A trial that read Q6_K in another order got half.)
//
// A group is what a block of the file is: one unit, or four where a block has 256 values. A panel may begin
// and end inside a block: ranks can share a row of super-blocks at any multiple of 64 columns, and only the
// block that they cut has its header in both. Bytes per weight are those of the file.
//
// F32, F16 and BF16 are not quantised: a panel is sixteen values per column, column by column, and is
// multiplied with F32 activations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "quant/format.h"

namespace yoke::kernels {

/// Raised with every change of how a matrix lies in memory: what was packed with another number is of no use.
inline constexpr std::uint32_t panel_layout_version = 1;

inline constexpr int panel_rows = 16;
inline constexpr int unit_cols = 64;
/// Columns that share one scale of an activation.
inline constexpr int activation_block = 32;

/// Up to so many tokens (on NEON: gemv_most) are multiplied while a panel is read, more from the first cache.
inline constexpr int few_tokens = 8;

/// Which atom of a unit has what of its codes. Codes of eight bits are sixteen atoms, in order.
struct CodeAtoms {
  int nibbles[8];    // lowest four bits of a quad (four columns) of the first half, and of one of the second
  int bit_pairs[4];  // two bits of four quads
  int single_bits[2];  // a bit of each quad of a half
};
inline constexpr CodeAtoms four_bit_atoms = {
    .nibbles = {0, 1, 2, 3, 4, 5, 6, 7}, .bit_pairs = {}, .single_bits = {}};
inline constexpr CodeAtoms five_bit_atoms = {
    .nibbles = {1, 2, 3, 4, 5, 6, 7, 8}, .bit_pairs = {}, .single_bits = {0, 9}};
inline constexpr CodeAtoms six_bit_atoms = {
    .nibbles = {1, 2, 3, 4, 6, 7, 8, 9}, .bit_pairs = {0, 5, 10, 11}, .single_bits = {}};
inline constexpr CodeAtoms two_bit_atoms = {.nibbles = {}, .bit_pairs = {0, 1, 2, 3}, .single_bits = {}};
inline constexpr CodeAtoms three_bit_atoms = {
    .nibbles = {}, .bit_pairs = {1, 2, 4, 5}, .single_bits = {0, 3}};

/// Bytes of the parts of a group. For plain floats a unit is one column.
struct PanelLayout {
  int units_per_group;
  int code_bytes;    // of a unit
  int extra_bytes;   // of a unit
  int header_bytes;  // of a group
  CodeAtoms atoms;
};

/// All zeros for a type that has no panels. Kernels use it as a constant only (see vec_scalar.h).
constexpr PanelLayout panel_layout(quant::Type type) {
  switch (type) {
    case quant::Type::f32:
      return {1, 64, 0, 0, {}};
    case quant::Type::f16:
    case quant::Type::bf16:
      return {1, 32, 0, 0, {}};
    case quant::Type::q4_0:
    case quant::Type::iq4_nl:
      return {1, 512, 64, 0, four_bit_atoms};
    case quant::Type::q4_1:
      return {1, 512, 128, 0, four_bit_atoms};
    case quant::Type::q5_0:
      return {1, 640, 64, 0, five_bit_atoms};
    case quant::Type::q5_1:
      return {1, 640, 128, 0, five_bit_atoms};
    case quant::Type::q8_0:
      return {1, 1024, 64, 0, {}};
    case quant::Type::mxfp4:
      return {1, 512, 32, 0, four_bit_atoms};
    case quant::Type::q2_k:
      return {4, 256, 64, 64, two_bit_atoms};
    case quant::Type::q3_k:
      return {4, 384, 48, 32, three_bit_atoms};
    case quant::Type::q4_k:
      return {4, 512, 48, 64, four_bit_atoms};
    case quant::Type::q5_k:
      return {4, 640, 48, 64, five_bit_atoms};
    case quant::Type::q6_k:
      return {4, 768, 64, 32, six_bit_atoms};
    case quant::Type::iq4_xs:
      return {4, 512, 24, 32, four_bit_atoms};
    case quant::Type::iq1_s:
      return {4, 128, 64, 32, {}};
    case quant::Type::iq1_m:
      return {4, 128, 88, 32, {}};
    case quant::Type::iq2_xxs:
      return {4, 128, 128, 32, {}};
    case quant::Type::iq2_xs:
      return {4, 128, 160, 32, {}};
    case quant::Type::iq2_s:
      return {4, 128, 192, 32, {}};
    case quant::Type::iq3_xxs:
      return {4, 256, 128, 32, {}};
    case quant::Type::iq3_s:
      return {4, 256, 176, 32, {}};
    default:
      return {};
  }
}

/// The columns [first, first + cols) of rows stored as `type`; both are multiples of the smaller of unit_cols
/// and the format's block. For floats both are free.
struct PanelColumns {
  quant::Type type{};
  std::int64_t first = 0;
  std::int64_t cols = 0;

  /// Whether these are floats, which are not quantised.
  bool is_plain() const;
  /// Units of the first group that lie before the panel.
  int phase() const;
  std::int64_t units() const;
  /// Of a panel.
  std::size_t bytes() const;
  /// Where the blocks of a row begin and end that have these columns, in bytes of the file's row.
  std::size_t file_begin() const;
  std::size_t file_end() const;
};

/// How quantised weights are multiplied: with activations as bytes (below), or with the floats themselves.
enum class ActivationType : std::uint8_t { q8, f32 };
/// "q8".
std::string_view name_of(ActivationType type);
/// Throws Error for a name that is none; the sentence lists those there are.
ActivationType activation_type_named(std::string_view name);

/// 32 activations as bytes: x ≈ d · q. A cache line, so that a kernel follows one address per token.
struct alignas(64) ActivationBlock {
  std::int8_t q[activation_block];  // −127..127
  float d;                          // max|x| / 127, or 0
  float d_sum;                      // d · Σq
  std::int32_t minus_sum;           // −Σq
  std::int32_t minus_half_sums[2];  // of 16 each
  float d_half_sums[2];
  float unused;
};
static_assert(sizeof(ActivationBlock) == 64);

/// Activations of some tokens. Kernels for floats read `floats`, all others `blocks`.
struct PanelActivations {
  const float* floats = nullptr;  // (tokens, cols), float_stride apart
  std::int64_t float_stride = 0;
  const ActivationBlock* blocks = nullptr;  // (tokens, two per unit), block_stride apart
  std::int64_t block_stride = 0;
};

/// One call of a kernel: panels [first_panel, end_panel) against tokens [first_token, end_token).
struct PanelProduct {
  const std::byte* panels;  // of the whole matrix
  std::size_t panel_bytes;
  std::int64_t rows;   // of the whole matrix; the last panel may have fewer than sixteen
  int phase;           // PanelColumns::phase()
  std::int64_t units;  // PanelColumns::units()
  std::int64_t first_panel, end_panel;
  PanelActivations x;
  std::int64_t first_token, end_token;
  float* y;  // y[t · y_stride + row], t and row counted from 0 of the whole
  std::int64_t y_stride;
};

}  // namespace yoke::kernels
