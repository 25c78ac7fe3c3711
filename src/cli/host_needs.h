// What a model takes of each host of a list.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hosts/host_list.h"
#include "runtime/local_engine.h"

namespace yoke::cli {

/// Bytes that each rank of so many needs, in rank order; nothing where the model's file is not on this
/// machine.
std::vector<std::uint64_t> rank_needs(int ranks, const std::string& model,
                                      const runtime::EngineOptions& engine);

/// Bytes that the ranks of each host need together, ranks being numbered in the order of the hosts; nothing
/// where the model's file is not on this machine.
std::vector<std::uint64_t> memory_needs(const std::vector<hosts::Host>& hosts, const std::string& model,
                                        const runtime::EngineOptions& engine);

}  // namespace yoke::cli
