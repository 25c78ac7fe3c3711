// How much memory this process has had.
#pragma once

#include <cstdint>

namespace yoke {

/// The most bytes of physical memory this process has had at any moment, its program and what it shares with
/// others included; 0 where Linux does not say.
std::uint64_t peak_resident_bytes();

}  // namespace yoke
