#include "comm/gather.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "comm/solo.h"
#include "comm/threads.h"

namespace yoke::comm {
namespace {

struct Name {
  int rank = 0;
  std::string text;
};
void fields(auto& archive, Is<Name> auto& m) { archive(m.rank, m.text); }

/// As many letters as the rank has predecessors.
Name name_of(int rank) { return {rank, std::string(static_cast<std::size_t>(rank), 'x')}; }

TEST(Gather, GivesEveryRankWhatEveryRankTellsInTheirOrder) {
  run_ranks(4, [](Comm& comm) {
    const std::vector<Name> all = gather(comm, name_of(comm.rank()));
    ASSERT_EQ(all.size(), 4U);
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(all[rank].rank, rank);
      EXPECT_EQ(all[rank].text, name_of(rank).text);
    }
  });
}

TEST(Gather, OfOneRankIsItsOwn) {
  SoloComm comm;
  EXPECT_EQ(gather(comm, std::string("alone")), std::vector<std::string>{"alone"});
}

TEST(Tell, GivesEveryRankWhatTheRootTells) {
  run_ranks(3, [](Comm& comm) {
    for (int root = 0; root < 3; ++root) EXPECT_EQ(tell(comm, name_of(comm.rank()), root).rank, root);
  });
}

TEST(Tell, RefusesWhatIsNotOfTheExpectedKind) {
  run_ranks(2, [](Comm& comm) {
    if (comm.rank() == 0) {
      tell(comm, std::string("a text"), 0);
    } else {
      EXPECT_THROW(tell(comm, std::uint32_t{0}, 0), Error);
    }
  });
}

}  // namespace
}  // namespace yoke::comm
