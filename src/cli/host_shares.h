// What each host of a list does of a model's work.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hosts/fewer_machines.h"
#include "hosts/host_speed.h"
#include "hosts/shares.h"
#include "hosts/survey_hosts.h"
#include "runtime/local_engine.h"

namespace yoke::cli {

/// What hosts are to be asked about their speed for a model, with so many threads of each rank. Nothing where
/// its file is not on this machine.
hosts::SpeedQuestion speed_question(const std::string& model, int threads, bool anew);

/// Of hosts that have answered, in their order.
struct HostShares {
  std::vector<hosts::Sharer> sharers;
  hosts::Shares shares;
  std::optional<hosts::FewerMachines> fewer;  // that would be faster

  /// As EngineOptions has them.
  std::vector<double> of_ranks() const;
  /// "25% of the work: it reads 12.3 GB/s of weights".
  std::string describe(std::size_t host) const;
  /// "without node3: 21.4 instead of 19 tokens/s (modelled)", or "node1 alone: …"; empty where fewer hosts
  /// would not be faster.
  std::string advice(const std::vector<hosts::Host>& hosts) const;
  /// The hosts that are not among those.
  std::vector<std::size_t> left_out() const;
};

/// Divides a model's work among hosts. What one has not answered is not known.
HostShares divide(const std::vector<hosts::SurveyedHost>& surveyed, const std::string& model,
                  const runtime::EngineOptions& engine);

}  // namespace yoke::cli
