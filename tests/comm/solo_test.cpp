#include "comm/solo.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace yoke::comm {
namespace {

TEST(Solo, EveryOperationIsTheIdentity) {
  SoloComm comm;
  EXPECT_EQ(comm.rank(), 0);
  EXPECT_EQ(comm.size(), 1);

  std::vector<float> x{1, 2, 3};
  comm.all_reduce(x);
  EXPECT_EQ(x, (std::vector<float>{1, 2, 3}));

  std::vector<float> all(3);
  const std::vector<std::int64_t> counts{3};
  comm.all_gather(x, counts, all);
  EXPECT_EQ(all, x);

  std::vector<std::byte> message{std::byte{7}};
  comm.broadcast(message, 0);
  EXPECT_EQ(message, std::vector<std::byte>{std::byte{7}});

  comm.finish(comm.start_all_reduce(x));
  EXPECT_EQ(x, (std::vector<float>{1, 2, 3}));
  const std::unique_ptr<Comm> part = comm.split(5);
  EXPECT_EQ(part->size(), 1);
  EXPECT_THROW(comm.send(message, 1), Error);
  EXPECT_THROW(comm.receive(message, 1), Error);

  comm.sleep();  // nobody to wait for
  comm.wake_followers();
  EXPECT_EQ(comm.traffic().calls, 0U);
  EXPECT_EQ(comm.traffic().bytes, 0U);
}

}  // namespace
}  // namespace yoke::comm
