// --weights: what the work is divided by among ranks or hosts.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "hosts/host_list.h"

namespace yoke::cli {

struct WeightsFlag {
  enum class Kind {
    automatic,  // hosts by their speeds, ranks of one machine alike
    equal,      // all ranks alike
    anew,       // by speeds that are measured even where they are known
    given
  };
  Kind kind = Kind::automatic;
  std::vector<double> given{};  // of each host, or of each rank where no hosts are named
};

/// "2,1,1", "equal" or "measure". Throws Error for what is none of these.
WeightsFlag parse_weights(std::string_view text);

/// Adds --weights.
void add_weights(CLI::App& command, WeightsFlag& flag);

/// The shares of so many ranks of one machine or of a job; none where they are alike. Throws UsageError where
/// there are more or fewer weights, and for speeds, which are measured of hosts only.
std::vector<double> shares_of_ranks(const WeightsFlag& flag, int ranks);

/// Gives the hosts what the flag says, in place of what their list says. Throws UsageError where there are
/// more or fewer weights.
void give_weights(const WeightsFlag& flag, std::vector<hosts::Host>& hosts);

}  // namespace yoke::cli
