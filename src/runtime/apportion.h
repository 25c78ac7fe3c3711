// Who bears how much of what several have caused together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/comm.h"

namespace yoke::runtime {

/// Bytes and seconds split in proportion to the weights, of which none is negative and one is positive. The
/// bytes are rounded so that the shares add up to all of them; times the sum of the weights they are below
/// 2⁶⁴. Calls are not split.
std::vector<comm::Traffic> apportion(const comm::Traffic& traffic, std::span<const std::int32_t> weights);

}  // namespace yoke::runtime
