#include "cluster/replication.h"

#include <algorithm>
#include <cstddef>

#include "shards/replica.h"

namespace yoke::cluster {
namespace {

/// All ranks of it together.
struct Machine {
  std::string name;
  std::size_t first_rank = 0;
  bool has_file = false;
  std::vector<int> parts{};

  bool has(int part) const { return std::find(parts.begin(), parts.end(), part) != parts.end(); }
};

std::vector<Machine> machines_of(std::span<const Holder> holders) {
  std::vector<Machine> machines;
  for (std::size_t rank = 0; rank < holders.size(); ++rank) {
    const Holder& holder = holders[rank];
    auto found = std::find_if(machines.begin(), machines.end(),
                              [&](const Machine& machine) { return machine.name == holder.machine; });
    if (found == machines.end()) found = machines.insert(found, {holder.machine, rank});
    found->has_file |= holder.has_file;
    for (const int part : holder.parts)
      if (!found->has(part)) found->parts.push_back(part);
  }
  return machines;
}

/// The machine with the fewest parts of those that lack this one; null where all have it.
Machine* next_for(std::vector<Machine>& machines, int part) {
  Machine* best = nullptr;
  for (Machine& machine : machines)
    if (!machine.has(part) && (best == nullptr || machine.parts.size() < best->parts.size())) best = &machine;
  return best;
}

}  // namespace

Replication plan_replication(std::span<const Holder> holders, int parts) {
  Replication plan{parts, std::vector<std::vector<int>>(holders.size())};
  std::vector<Machine> machines = machines_of(holders);
  const std::size_t all = machines.size();
  std::erase_if(machines, [](const Machine& machine) { return machine.has_file; });
  const std::size_t whole = all - machines.size();
  if (all < 2 || whole > 1 || machines.empty()) return plan;
  if (plan.parts == 0) plan.parts = std::min(static_cast<int>(machines.size()), shards::most_replica_parts);
  const std::size_t copies = whole == 1 ? 1 : 2;
  for (int part = 0; part < plan.parts; ++part) {
    const auto has_it = [&](const Machine& machine) { return machine.has(part); };
    auto there = static_cast<std::size_t>(std::count_if(machines.begin(), machines.end(), has_it));
    for (; there < copies; ++there) {
      Machine* const machine = next_for(machines, part);
      if (machine == nullptr) break;
      machine->parts.push_back(part);
      plan.to_add[machine->first_rank].push_back(part);
    }
  }
  return plan;
}

std::vector<int> ranks_with_parts(std::span<const Holder> holders, int parts) {
  std::vector<int> ranks(static_cast<std::size_t>(std::max(0, parts)), -1);
  for (std::size_t rank = holders.size(); rank-- > 0;)
    for (const int part : holders[rank].parts)
      if (part >= 0 && part < parts) ranks[static_cast<std::size_t>(part)] = static_cast<int>(rank);
  return ranks;
}

}  // namespace yoke::cluster
