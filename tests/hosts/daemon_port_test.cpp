#include "hosts/daemon_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>
#include <set>

#include "common/error_of.h"
#include "common/scratch.h"

namespace yoke::hosts {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(DaemonPort, TellsWhatIsInUseOfARange) {
  const ScratchFolder root;
  std::filesystem::create_directories(root / "proc/net");
  root.write("proc/net/tcp",
             "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
             "   0: 0100007F:AFC8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
             "   1: 00000000:AFCA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
             "   2: 0100007F:AFCB 0100007F:D431 06 00000000:00000000 00:00000000 00000000     0\n"
             "   4: 0100007F:D431 0100007F:AFCC 06 00000000:00000000 00:00000000 00000000     0\n"
             "   3: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
             "torn");
  root.write("proc/net/tcp6",
             "   0: 00000000000000000000000000000000:AFD0 00000000000000000000000000000000:0000 0A 0\n"
             "   1: 00000000000000000000000000000000:AFCA 00000000000000000000000000000000:0000 0A 0\n");
  EXPECT_THAT(ports_in_use(daemon_ports, root.path()), ElementsAre(45000, 45002, 45003, 45008));
  EXPECT_THAT(ports_in_use(daemon_ports, root / "nowhere"), IsEmpty());
}

TEST(DaemonPort, IsOneThatNobodyUses) {
  std::vector<int> in_use(static_cast<std::size_t>(daemon_ports.count()));
  std::iota(in_use.begin(), in_use.end(), static_cast<int>(daemon_ports.first));
  in_use.erase(in_use.begin() + 20);
  for (const char* run : {"0a", "1b", "2c"}) EXPECT_EQ(choose_daemon_port(run, in_use), 45020);
  in_use.push_back(45020);
  EXPECT_THAT(error_of([&] { choose_daemon_port("0a", in_use); }), HasSubstr("45000 to 45127 are in use"));
}

TEST(DaemonPort, DiffersFromRunToRun) {
  std::set<int> ports;
  for (int run = 0; run < 200; ++run) ports.insert(choose_daemon_port(std::to_string(run), {}));
  EXPECT_GT(ports.size(), 90U);
  EXPECT_GE(*ports.begin(), daemon_ports.first);
  EXPECT_LE(*ports.rbegin(), daemon_ports.last);
}

}  // namespace
}  // namespace yoke::hosts
