#include "cluster/mpi_start.h"

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
  const bool from_srun =
      environment.contains("SLURM_PROCID") && number_in(environment, "SLURM_STEP_NUM_TASKS") > 1;
  start.unconnected = from_srun && !environment.contains("OMPI_COMM_WORLD_RANK") &&
                      !environment.contains("PMIX_RANK") && !environment.contains("PMI_RANK");
  const auto network = environment.find("OMPI_MCA_btl_tcp_if_include");
  if (network != environment.end()) start.network = network->second;
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
