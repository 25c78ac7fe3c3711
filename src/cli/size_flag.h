// A flag that is a number of bytes.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

namespace yoke::cli {

/// "64GB", "1.5 TB", "500mb": a decimal number and one of B, KB, MB, GB, TB, in powers of 1000 as all figures
/// of this program. Throws Error for anything else, and for less than a byte.
std::uint64_t parse_size(const std::string& text);

/// Adds `flag`, whose size is stored in `bytes`. What is none is a wrong command line.
CLI::Option* add_size(CLI::App& command, const std::string& flag, std::uint64_t& bytes,
                      const std::string& description);

}  // namespace yoke::cli
