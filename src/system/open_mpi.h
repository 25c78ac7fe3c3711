// Where a machine has Open MPI, and which.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "system/environment.h"

namespace yoke::system {

/// The path of one of its programs (mpirun, orted): in PATH, or where Fedora and Debian put it aside.
std::optional<std::string> find_open_mpi(const std::string& program, const Environment& environment);

/// "4.1.4" of what `mpirun --version` prints; empty if that is no Open MPI's.
std::string parse_open_mpi_version(const std::string& printed);

/// The version that mpirun tells within a few seconds; empty where there is none that does.
std::string read_open_mpi_version(const Environment& environment);

/// Whether an Open MPI has the component that speaks UCX, by the place of its libmpi.so: components lie in a
/// folder beside it.
bool has_ucx_component(const std::filesystem::path& libmpi);

/// Whether the Open MPI that this process is linked with speaks UCX, by a component or, as Open MPI 5 is
/// built, by itself. False in a process without Open MPI. Takes some microseconds.
bool open_mpi_has_ucx();

}  // namespace yoke::system
