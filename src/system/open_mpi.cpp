#include "system/open_mpi.h"

#include <link.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "system/child_process.h"

namespace yoke::system {

namespace {

constexpr std::chrono::seconds version_patience{5};

/// The path of the loaded library whose file name begins so; empty where there is none.
std::filesystem::path loaded_library(std::string_view name) {
  std::pair<std::string_view, std::filesystem::path> search{name, {}};
  const auto look = [](dl_phdr_info* info, std::size_t, void* data) {
    auto& [wanted, found] = *static_cast<decltype(search)*>(data);
    const std::filesystem::path path(info->dlpi_name);
    if (!path.filename().native().starts_with(wanted)) return 0;
    found = path;
    return 1;
  };
  ::dl_iterate_phdr(look, &search);
  return search.second;
}

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

bool has_ucx_component(const std::filesystem::path& libmpi) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(libmpi, error).parent_path();
  if (error) return false;
  // As built from source, by Fedora, and by Debian.
  for (const char* components : {"openmpi", "openmpi3", "openmpi/lib/openmpi3"})
    if (std::filesystem::exists(folder / components / "mca_pml_ucx.so", error)) return true;
  return false;
}

bool open_mpi_has_ucx() {
  const std::filesystem::path libmpi = loaded_library("libmpi.so");
  return !libmpi.empty() && (has_ucx_component(libmpi) || !loaded_library("libucp.so").empty());
}

}  // namespace yoke::system
