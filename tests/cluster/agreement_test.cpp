#include "cluster/agreement.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "comm/solo.h"
#include "comm/threads.h"
#include "common/error_of.h"

namespace yoke::cluster {
namespace {

Place place(int rank, const std::string& host) { return {rank, host, host, host, 10 + rank, 1, {}, 1}; }

const std::vector<Place> places{place(0, "a"), place(1, "b"), place(2, "c")};
const Findings sound{"", 0x1234, {{1, 0, 0, 1, 8}, 5, "memory of the machine", 4}};
const Findings other_file{"", 0x1235, sound.memory};
const Findings too_large{"", 0x1234, {{9, 0, 0}, 5, "memory of the machine"}};

Findings against(const std::string& error) { return {error, 0, {}}; }

TEST(Agreement, OfRanksThatCanGoOnWithTheSameFileIsSilent) {
  EXPECT_EQ(judge_findings(places, std::vector(3, sound)), "");
  EXPECT_EQ(judge_findings(std::span(places).first(1), std::vector{sound}), "");
}

TEST(Agreement, WhatRankZeroFindsItselfComesBeforeWhatOthersFind) {
  EXPECT_EQ(judge_findings(places, std::vector{against("no 0"), against("no 1"), against("no 2")}), "no 0");
  EXPECT_EQ(judge_findings(places, std::vector{against("no 0"), sound, sound}), "no 0");
  EXPECT_EQ(judge_findings(places, std::vector{sound, against("no 1"), against("no 2")}),
            "rank 1 on b: no 1");
  EXPECT_EQ(judge_findings(places, std::vector{sound, sound, against("no 2")}), "rank 2 on c: no 2");
}

TEST(Agreement, NamesTheFirstRankWithAnotherFile) {
  EXPECT_EQ(
      judge_findings(places, std::vector{sound, sound, other_file}),
      "rank 2 (host c, pid 12) has another model file than rank 0 (host a, pid 10); expected copies of one "
      "file on every machine");
}

TEST(Agreement, AnErrorComesBeforeAnotherFileAndThatBeforeMemory) {
  EXPECT_EQ(judge_findings(places, std::vector{too_large, other_file, against("no")}), "rank 2 on c: no");
  EXPECT_EQ(judge_findings(places, std::vector{too_large, other_file, sound}).substr(0, 6), "rank 1");
  EXPECT_EQ(judge_findings(places, std::vector{sound, too_large, sound}).substr(0, 22),
            "the model does not fit");
}

TEST(Agreement, IsAskedOfEveryRankAndOnlyRankZeroSpeaks) {
  for (const Findings& odd : {other_file, too_large, against("no")}) {
    for (int who = 0; who < 3; ++who) {
      comm::run_ranks(3, [&](comm::Comm& comm) {
        EXPECT_EQ(check_findings(comm, places, sound, 4), 8 + 3) << "a byte for each page";
        const Findings& mine = comm.rank() == who ? odd : sound;
        if (comm.rank() == 0) {
          EXPECT_THROW(check_findings(comm, places, mine, 4), Error);
        } else {
          EXPECT_EQ(check_findings(comm, places, mine, 4), std::nullopt);
        }
      });
    }
  }
  comm::SoloComm solo;
  EXPECT_EQ(check_findings(solo, std::span(places).first(1), sound, 1), 8);
}

}  // namespace
}  // namespace yoke::cluster
