// Unpacked codes (unpacked_codes.h) on NEON: weights, as signed bytes. What makes them of codes is done once,
// not for each token. Written over Dot (dot_neon.h or dot_neon_dotprod.h).
#pragma once

#include <cstddef>

#include "kernels/matmul.h"

namespace yoke::kernels {
namespace {

template <class Format>
struct UnpackedCodes {
  static constexpr bool as_in_panels = false;
  using Sum = Dot<127, 0>;  // takes bytes as they are

  template <class Block>
  static void unpack(const Block& block, std::byte (&to)[8][64]) {
    unrolled<8>(
        [&](auto quad) { block.template codes<quad>().template minus<Format::zero>().store(to[quad]); });
  }
};

}  // namespace
}  // namespace yoke::kernels
