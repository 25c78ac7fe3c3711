#include "hosts/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "common/error_of.h"

namespace yoke::hosts {
namespace {

TEST(Sweep, IsReadAsItWasWritten) {
  Sweep sweep{"ssh -p 2222", "0a1b", "/dev/shm/yoke-run-x", {}};
  for (const char* name : {"node1", "fe80::1"}) {
    Host host;
    host.name = name;
    host.user = "ann";
    host.yoke = "/opt/a \"quoted\" path/yoke";
    sweep.hosts.push_back(host);
  }
  const Sweep read = parse_sweep(write_sweep(sweep));
  EXPECT_EQ(read.ssh, sweep.ssh);
  EXPECT_EQ(read.run, sweep.run);
  EXPECT_EQ(read.folder, sweep.folder);
  ASSERT_EQ(read.hosts.size(), 2U);
  EXPECT_EQ(read.hosts[1].name, "fe80::1");
  EXPECT_EQ(read.hosts[1].user, "ann");
  EXPECT_EQ(read.hosts[1].yoke, sweep.hosts[1].yoke);
}

TEST(Sweep, OtherTextsAreRefused) {
  for (const char* text :
       {"", "{", "[]", "{\"ssh\": 1}", "{\"ssh\":\"\",\"run\":\"\",\"folder\":\"\",\"hosts\":[1]}"})
    EXPECT_THAT(error_of([&] { parse_sweep(text); }), testing::HasSubstr("no description of a sweep"))
        << text;
}

}  // namespace
}  // namespace yoke::hosts
