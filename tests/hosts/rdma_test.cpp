#include "hosts/rdma.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "common/scratch.h"

namespace yoke::hosts {
namespace {

namespace fs = std::filesystem;

/// A made-up /sys and /dev.
class Rdma : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root / path).parent_path());
    root.write(path, text + "\n");
  }
  void add_device(const std::string& name, const std::string& node_type, const std::string& verbs) {
    write("sys/class/infiniband/" + name + "/node_type", node_type);
    write("sys/class/infiniband_verbs/" + verbs + "/ibdev", name);
    write("dev/infiniband/" + verbs, "");
  }
  std::string port(const std::string& device, int number) {
    return "sys/class/infiniband/" + device + "/ports/" + std::to_string(number) + "/";
  }
  void add_port(const std::string& device, int number, const std::string& state, const std::string& layer,
                const std::string& rate) {
    write(port(device, number) + "state", state);
    write(port(device, number) + "link_layer", layer);
    write(port(device, number) + "rate", rate);
  }
  std::vector<RdmaPort> read() { return read_rdma_ports(root.path()); }

  ScratchFolder root;
};

TEST_F(Rdma, IsNoneWhereTheSystemHasNoDevice) { EXPECT_TRUE(read().empty()); }

TEST_F(Rdma, ReadsEveryPortOfInfiniBand) {
  add_device("mlx5_0", "1: CA", "uverbs7");
  add_port("mlx5_0", 1, "4: ACTIVE", "InfiniBand", "100 Gb/sec (4X EDR)");
  add_port("mlx5_0", 2, "1: DOWN", "InfiniBand", "2.5 Gb/sec (1X SDR)");
  write("sys/class/infiniband_verbs/abi_version", "6");
  EXPECT_EQ(read(), (std::vector<RdmaPort>{
                        {"mlx5_0/1", "InfiniBand", "ACTIVE", 100, {}, "/dev/infiniband/uverbs7", true},
                        {"mlx5_0/2", "InfiniBand", "DOWN", 2, {}, "/dev/infiniband/uverbs7", true}}));
}

TEST_F(Rdma, TellsTheInterfacesOfRoce) {
  add_device("rocep1s0", "1: CA", "uverbs0");
  add_port("rocep1s0", 1, "4: ACTIVE", "Ethernet", "25 Gb/sec (1X EDR)");
  for (const auto& [index, name] : {std::pair{"0", "eth1"}, {"1", "eth1"}, {"2", "eth1.7"}})
    write(port("rocep1s0", 1) + "gid_attrs/ndevs/" + index, name);
  ASSERT_EQ(read().size(), 1u);
  EXPECT_EQ(kind_of(read()[0]), "RoCE");
  EXPECT_EQ(read()[0].interfaces, (std::vector<std::string>{"eth1", "eth1.7"}));
}

TEST_F(Rdma, LeavesOutIwarpAndSoftware) {
  add_device("irdma0", "4: RNIC", "uverbs0");
  add_port("irdma0", 1, "4: ACTIVE", "Ethernet", "100 Gb/sec (4X EDR)");
  add_device("rxe0", "1: CA", "uverbs1");
  add_port("rxe0", 1, "4: ACTIVE", "Ethernet", "2.5 Gb/sec (1X SDR)");
  write("sys/class/infiniband/rxe0/parent", "eth0");
  EXPECT_TRUE(read().empty());
}

TEST_F(Rdma, SaysWhereItsDeviceCannotBeOpened) {
  // As in a container, which has the host's sysfs but not its devices.
  add_device("mlx5_0", "1: CA", "uverbs0");
  add_port("mlx5_0", 1, "4: ACTIVE", "InfiniBand", "nonsense");
  fs::remove(root / "dev/infiniband/uverbs0");
  ASSERT_EQ(read().size(), 1u);
  EXPECT_FALSE(read()[0].permitted);
  EXPECT_EQ(read()[0].device_file, "/dev/infiniband/uverbs0");
  EXPECT_EQ(read()[0].gbit, 0);
  fs::remove_all(root / "sys/class/infiniband_verbs");
  EXPECT_FALSE(read()[0].permitted);
  EXPECT_EQ(read()[0].device_file, "");
}

}  // namespace
}  // namespace yoke::hosts
