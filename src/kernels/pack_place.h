// Where pack.cpp puts what: one row's part of a group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/panels.h"

namespace yoke::kernels {

/// A row's part of a unit.
struct RowPlace {
  int row;
  const CodeAtoms& atoms;
  std::byte* codes;   // of the unit
  std::byte* extras;  // of the unit

  std::byte* bytes(int offset) const { return extras + offset + row; }
  std::byte* halves(int offset) const { return extras + offset + 2 * row; }
};

inline void put_half(std::uint16_t half, std::byte* to) { std::memcpy(to, &half, sizeof half); }

template <class Block>
Block block_at(const std::byte* from) {
  Block block;
  std::memcpy(&block, from, sizeof block);
  return block;
}

template <class Block>
struct HeaderOfScale {
  static void header(const std::byte* from, int row, std::byte* to) {
    put_half(block_at<Block>(from).d, to + 2 * row);
  }
};

}  // namespace yoke::kernels
