#include "system/open_mpi.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "system/child_process.h"

namespace yoke::system {

namespace {

constexpr std::chrono::seconds version_patience{5};

}  // namespace

std::optional<std::string> find_open_mpi(const std::string& program, const Environment& environment) {
  if (auto path = find_program(program, environment)) return path;
  for (const char* folder : {"/usr/lib64/openmpi/bin/", "/usr/lib/x86_64-linux-gnu/openmpi/bin/",
                             "/usr/lib/aarch64-linux-gnu/openmpi/bin/"}) {
    if (auto path = find_program(folder + program, environment)) return path;
  }
  return std::nullopt;
}

std::string parse_open_mpi_version(const std::string& printed) {
  constexpr std::string_view name = "(Open MPI) ";
  const std::size_t found = printed.find(name);
  if (found == std::string::npos) return {};
  const std::string rest = printed.substr(found + name.size());
  return rest.substr(0, std::min(rest.find_first_not_of("0123456789."), std::size_t{16}));
}

std::string read_open_mpi_version(const Environment& environment) {
  const auto mpirun = find_open_mpi("mpirun", environment);
  if (!mpirun) return {};
  try {
    ChildProcess child({*mpirun, "--version"}, environment);
    return child.wait(version_patience) ? parse_open_mpi_version(child.output()) : "";
  } catch (const Error&) {  // it cannot be executed
    return {};
  }
}

}  // namespace yoke::system
