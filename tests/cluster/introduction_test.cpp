#include "cluster/introduction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <thread>
#include <vector>

#include "base/error.h"
#include "comm/solo.h"
#include "comm/threads.h"
#include "common/error_of.h"

namespace yoke::cluster {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

Introduction introduction(std::uint32_t protocol, const std::string& commit, const std::string& host) {
  Introduction made;
  made.build.protocol = protocol;
  made.build.commit = commit;
  made.host = host;
  return made;
}

const std::string old_commit(40, 'a');
const std::string new_commit(40, 'b');
const Introduction old_one = introduction(8, old_commit, "node1");
const Introduction new_one = introduction(9, new_commit, "node3");

std::array<FileDescriptor, 2> socket_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

TEST(Introduction, HasAFormThatNeverChanges) {
  const IntroductionRecord record = encode(introduction(0x04030201, "abc", "node1"));
  const std::string text(reinterpret_cast<const char*>(record.data()), record.size());
  EXPECT_EQ(text,
            std::string("YOKE\1\2\3\4abc", 11) + std::string(53, '\0') + "node1" + std::string(59, '\0'));
  const Introduction decoded = decode_introduction(record);
  EXPECT_EQ(decoded.build.protocol, 0x04030201U);
  EXPECT_EQ(decoded.build.commit, "abc");
  EXPECT_EQ(decoded.host, "node1");
}

TEST(Introduction, ALongHostNameIsCutAndAHostileOneIsPrintable) {
  EXPECT_EQ(decode_introduction(encode(introduction(1, "a", std::string(100, 'x')))).host,
            std::string(64, 'x'));
  EXPECT_EQ(decode_introduction(encode(introduction(1, "a", "a\nb"))).host, "a\\x0ab");
}

TEST(Introduction, OfAnotherLengthOrAnotherProgramIsAnError) {
  const IntroductionRecord record = encode(old_one);
  EXPECT_THROW(decode_introduction(std::span(record).first(127)), Error);
  EXPECT_THROW(decode_introduction({}), Error);
  const std::vector<std::byte> zeros(128);
  EXPECT_THROW(decode_introduction(zeros), Error);
}

TEST(Introduction, OfAnotherBuildIsASentenceWithBothAndTheirHosts) {
  EXPECT_EQ(judge_builds(old_one, introduction(8, old_commit, "node2")), "");
  EXPECT_EQ(
      judge_builds(new_one, old_one),
      "node3 runs yoke of protocol 9, commit bbbbbbbbbbbb, but node1 of protocol 8, commit aaaaaaaaaaaa; "
      "install the same on every machine");
  EXPECT_THAT(judge_builds(old_one, introduction(8, new_commit, "node3")), HasSubstr("commit bbbbbbbbbbbb"));
}

TEST(Introduction, BothEndsOfAConnectionHearOfAnotherBuild) {
  for (const Introduction& other : {old_one, new_one}) {
    auto [a, b] = socket_pair();
    std::string told_to_other;
    std::thread peer(
        [&, &end = b] { told_to_other = error_of([&] { introduce(end, other, milliseconds(20000)); }); });
    EXPECT_EQ(error_of([&, &end = a] { introduce(end, old_one, milliseconds(20000)); }),
              judge_builds(old_one, other));
    peer.join();
    EXPECT_EQ(told_to_other, judge_builds(other, old_one));
  }
}

TEST(Introduction, APeerThatSaysNothingOrGoesOrIsSomethingElseIsAnError) {
  {
    auto [a, b] = socket_pair();
    EXPECT_THAT(error_of([&, &end = a] { introduce(end, old_one, milliseconds(50)); }), HasSubstr("in time"));
  }
  {
    auto [a, b] = socket_pair();
    b = FileDescriptor();
    EXPECT_THAT(error_of([&, &end = a] { introduce(end, old_one, milliseconds(20000)); }),
                HasSubstr("closed the connection"));
  }
  auto [a, b] = socket_pair();
  const std::string nonsense(128, 'x');
  ::send(b.get(), nonsense.data(), nonsense.size(), 0);
  EXPECT_THAT(error_of([&, &end = a] { introduce(end, old_one, milliseconds(20000)); }),
              HasSubstr("expected a process of yoke"));
}

TEST(Introduction, EveryRankHearsOfTheFirstOfAnotherBuildThanRankZeros) {
  comm::run_ranks(3, [](comm::Comm& comm) {
    introduce(comm, old_one);
    EXPECT_EQ(error_of([&] { introduce(comm, comm.rank() == 2 ? new_one : old_one); }),
              judge_builds(old_one, new_one));
    EXPECT_EQ(error_of([&] { introduce(comm, comm.rank() == 0 ? new_one : old_one); }),
              judge_builds(new_one, old_one));
  });
  comm::SoloComm solo;
  introduce(solo, old_one);
}

}  // namespace
}  // namespace yoke::cluster
