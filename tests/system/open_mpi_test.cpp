#include "system/open_mpi.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/scratch.h"

namespace yoke::system {
namespace {

TEST(OpenMpi, TellsItsVersion) {
  EXPECT_EQ(parse_open_mpi_version("mpirun (Open MPI) 4.1.4\n\nReport bugs to http://www.open-mpi.org\n"),
            "4.1.4");
  EXPECT_EQ(parse_open_mpi_version("mpirun (Open MPI) 5.0.0rc12\n"), "5.0.0");
  EXPECT_EQ(parse_open_mpi_version("HYDRA build details:\n    Version: 4.0.2\n"), "");
  EXPECT_EQ(parse_open_mpi_version(""), "");
}

TEST(OpenMpi, IsTheFirstInPath) {
  const ScratchFolder folder;
  const Environment environment{{"PATH", folder.path().native()}};
  ::chmod(folder.write("mpirun", "#!/bin/sh\necho 'mpirun (Open MPI) 9.8.7'\n").c_str(), 0755);
  EXPECT_EQ(find_open_mpi("mpirun", environment), (folder / "mpirun").native());
  EXPECT_EQ(read_open_mpi_version(environment), "9.8.7");
}

TEST(OpenMpi, HasUcxWhereTheComponentLiesBesideItsLibrary) {
  namespace fs = std::filesystem;
  for (const char* components : {"lib/openmpi", "lib/openmpi3", "lib/openmpi/lib/openmpi3"}) {
    const ScratchFolder prefix;
    fs::create_directories(prefix / components);
    fs::create_directories(prefix / "elsewhere");
    prefix.write("lib/libmpi.so.40.30.4", "");
    fs::create_symlink("../lib/libmpi.so.40.30.4", prefix / "elsewhere" / "libmpi.so.40");
    EXPECT_FALSE(has_ucx_component(prefix / "elsewhere" / "libmpi.so.40"));
    write_file(prefix / components / "mca_pml_ucx.so", "");
    EXPECT_TRUE(has_ucx_component(prefix / "elsewhere" / "libmpi.so.40")) << components;
  }
  EXPECT_FALSE(has_ucx_component("/no/such/libmpi.so"));
}

}  // namespace
}  // namespace yoke::system
