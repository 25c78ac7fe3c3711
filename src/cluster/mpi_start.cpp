#include "cluster/mpi_start.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <string_view>

namespace yoke::cluster {

using system::Environment;

namespace {

/// The variable's value as a count or a rank; 0 if it is not set or is not one.
int number_in(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  if (found == environment.end()) return 0;
  const std::string& text = found->second;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 ? value : 0;
}

/// What Slurm's list of tasks on each node says of one of them, counted from 0: "2(x3),1" is two on each of
/// three nodes and one on the fourth. 0 where it does not say.
int tasks_on_node(std::string_view list, int node) {
  while (!list.empty()) {
    const std::string_view group = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), group.size() + 1));
    int tasks = 0, nodes = 1;
    const char* const group_end = group.data() + group.size();
    const auto [end, error] = std::from_chars(group.data(), group_end, tasks);
    if (error != std::errc() || tasks <= 0) return 0;
    const std::string_view repeated(end, group_end);
    if (repeated.starts_with("(x")) std::from_chars(end + 2, group_end, nodes);
    if (node < nodes) return tasks;
    node -= nodes;
  }
  return 0;
}

/// Ranks of this srun on this machine; 0 where Slurm did not say.
int slurm_local_tasks(const Environment& environment) {
  const auto list = environment.find("SLURM_STEP_TASKS_PER_NODE");
  return list == environment.end() ? 0 : tasks_on_node(list->second, number_in(environment, "SLURM_NODEID"));
}

}  // namespace

MpiStart detect_mpi(const Environment& environment) {
  MpiStart start;
  const auto first_of = [&](std::initializer_list<const char*> names) {
    int number = 0;
    for (const char* name : names)
      if (number == 0) number = number_in(environment, name);
    return number;
  };
  start.ranks = first_of({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"});
  // A batch script has SLURM_NTASKS and SLURM_PROCID too, but only what srun starts is one of several tasks.
  const bool one_of_several = first_of({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) > 0 || start.ranks > 1;
  start.under_mpi = one_of_several || environment.contains("PMIX_RANK") || environment.contains("PMI_RANK");
  if (!start.under_mpi) return {};
  start.rank = first_of({"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"});
  const int told = first_of({"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"});
  start.local_ranks = std::max(1, told > 0 ? told : slurm_local_tasks(environment));
  return start;
}

Environment without_job(Environment environment) {
  constexpr std::array<std::string_view, 8> prefixes = {
      "OMPI_COMM_WORLD_", "OMPI_UNIVERSE_", "ORTE_", "PRTE_", "PMIX_", "PMI_", "SLURM_", "OMPI_MCA_orte_"};
  std::erase_if(environment, [&](const auto& variable) {
    for (const std::string_view prefix : prefixes)
      if (variable.first.starts_with(prefix)) return true;
    return false;
  });
  return environment;
}

}  // namespace yoke::cluster
