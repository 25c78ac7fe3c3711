// A flag that is a number of bytes.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

namespace yoke::cli {

/// Adds `flag`, whose size (base/byte_size.h) is stored in `bytes`. What is none is a wrong command line.
CLI::Option* add_size(CLI::App& command, const std::string& flag, std::uint64_t& bytes,
                      const std::string& description);

}  // namespace yoke::cli
