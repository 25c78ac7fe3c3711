// What a model takes of each host of a list, and what each has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hosts/host_list.h"
#include "hosts/shares.h"
#include "hosts/survey_hosts.h"
#include "runtime/local_engine.h"

namespace yoke::cli {

/// What each rank needs, where the work is divided into such shares; nothing where this machine has
/// neither the model's file nor what describes it. Throws Error where it cannot be run.
hosts::ShareNeeds share_needs(const std::string& model, const runtime::EngineOptions& engine);

/// As many equal shares, where the options have none.
std::vector<double> shares_of(const runtime::EngineOptions& engine, std::size_t ranks);

/// Bytes that the ranks of each host need together, ranks being numbered in the order of the hosts; nothing
/// where share_needs() knows none.
std::vector<std::uint64_t> memory_needs(const std::vector<hosts::Host>& hosts, const std::string& model,
                                        const runtime::EngineOptions& engine);

/// Bytes that ranks may take on a host; 0 where it has not answered.
std::uint64_t memory_of(const hosts::SurveyedHost& host);

}  // namespace yoke::cli
