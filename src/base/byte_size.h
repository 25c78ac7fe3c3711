// Numbers of bytes as people write them.
#pragma once

#include <cstdint>
#include <string_view>

namespace yoke {

/// "64GB", "1.5 TB", "500mb": a decimal number and one of B, KB, MB, GB, TB, in powers of 1000 as all figures
/// of this program. Throws Error for anything else, and for less than a byte.
std::uint64_t parse_byte_size(std::string_view text);

}  // namespace yoke
