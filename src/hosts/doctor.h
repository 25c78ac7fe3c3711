// What is wrong with a list of hosts, and what can be done about it: a judgement on surveys and transfers
// that asks nobody and changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hosts/network.h"
#include "hosts/survey_hosts.h"
#include "hosts/transfer.h"
#include "hosts/transport.h"

namespace yoke::hosts {

enum class Level : std::uint8_t { ok, warning, failure };
std::string_view name_of(Level level);

struct Finding {
  std::string host;     // as the list names it; empty: all of them
  std::string subject;  // "ssh", "memory"
  Level level = Level::ok;
  std::string sentence;
  std::string remedy;  // empty where there is none to give
};

struct Examination {
  std::vector<SurveyedHost> hosts;
  std::vector<std::uint64_t> need;  // bytes that the ranks on each host need; empty: not known
  std::vector<std::string> shares;  // what each host does of the work, and why; empty: not known
  std::string fewer;  // that some hosts would be faster without the others; empty: they would not
  std::vector<std::size_t> left_out;  // those others
  std::uint64_t model_bytes = 0;      // of the file here; 0: the largest of the hosts' counts
  std::string network;                // asked for; empty: to be found
  std::optional<Transfers> transfers;
  std::vector<std::size_t>
      transfer_hosts;  // which of `hosts` each of the transfers' is: those of the network
};

struct Diagnosis {
  std::vector<Finding> findings;  // by host in their order, then what concerns all
  std::optional<NetworkChoice> network;
  std::vector<std::size_t> members;  // which hosts its members are: those that have answered
  TransportChoice transport;         // between these
  bool sound() const;                // no failure
  /// Hosts without a failure of their own.
  std::vector<std::size_t> fit(const std::vector<SurveyedHost>& hosts) const;
};

/// What must be right before every start: ssh, version, instruction sets, memory, model, cache folder,
/// network. Needs no transfers.
Diagnosis judge_short(const Examination& examination);

/// All that can be told.
Diagnosis judge(const Examination& examination);

}  // namespace yoke::hosts
