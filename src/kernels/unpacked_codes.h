// How codes lie in the first cache while many tokens are multiplied with them, and what multiplies them
// there. unpacked_codes_neon.h and unpacked_codes_neon_i8mm.h say it for machines that want them otherwise.
// Written over Dot, which vec64_*.h define before.
#pragma once

namespace yoke::kernels {
namespace {

template <class Format>
struct UnpackedCodes {
  /// As what a panel's block gives, quad after quad. Otherwise unpack(block, to) puts them there.
  static constexpr bool as_in_panels = true;
  /// What multiplies them.
  using Sum = Dot<Format::max_code, Format::zero>;
};

}  // namespace
}  // namespace yoke::kernels
