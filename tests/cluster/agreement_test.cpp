#include "cluster/agreement.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/error.h"
#include "comm/threads.h"

namespace yoke::cluster {
namespace {

const std::vector<RankPlace> places{{0, "a", 10, "", ""}, {1, "b", 11, "", ""}, {2, "c", 12, "", ""}};
const Terms usual{0x1234, 4096, 512, "f16", "q8"};

/// What rank 0 throws where the ranks in `failing` find that they cannot go on; "" where it does not.
std::string told_by_looks(std::set<int> failing) {
  std::string told;
  comm::run_ranks(3, [&](comm::Comm& comm) {
    const auto look = [&] {
      if (failing.count(comm.rank()) != 0) fail("no {}", comm.rank());
    };
    if (comm.rank() != 0) {
      EXPECT_EQ(check_looks(comm, places, look), failing.empty());
      return;
    }
    try {
      EXPECT_TRUE(check_looks(comm, places, look));
    } catch (const Error& error) {
      told = error.what();
    }
  });
  return told;
}

TEST(Agreement, WhatRankZeroFindsItselfComesBeforeWhatOthersFind) {
  EXPECT_EQ(told_by_looks({}), "");
  EXPECT_EQ(told_by_looks({0, 1, 2}), "no 0");
  EXPECT_EQ(told_by_looks({0}), "no 0");
  EXPECT_EQ(told_by_looks({1, 2}), "rank 1 on b: no 1");
  EXPECT_EQ(told_by_looks({2}), "rank 2 on c: no 2");
}

TEST(Agreement, ToTheSameTermsIsSilent) {
  EXPECT_EQ(judge_terms(places, std::vector{usual, usual, usual}), "");
  EXPECT_EQ(judge_terms(std::span(places).first(1), std::vector{usual}), "");
}

TEST(Agreement, NamesTheFirstRankThatDiffersAndWherein) {
  EXPECT_EQ(
      judge_terms(places, std::vector{usual, usual, {0x1235, 4096, 512, "f16", "q8"}}),
      "rank 2 (host c, pid 12) has another model file than rank 0 (host a, pid 10); expected copies of one "
      "file on every machine");
  EXPECT_EQ(judge_terms(places, std::vector{usual, {0x1234, 0, 512, "f16", "q8"}, {0, 0, 0, "", ""}}),
            "rank 1 (host b, pid 11) was given no --ctx, but rank 0 (host a, pid 10) --ctx 4096; expected "
            "the same on "
            "every rank");
  EXPECT_EQ(judge_terms(places, std::vector{usual, {0x1234, 4096, 1, "f16", "q8"}, usual}),
            "rank 1 (host b, pid 11) was given --prefill-chunk 1, but rank 0 (host a, pid 10) "
            "--prefill-chunk 512; expected the "
            "same on every rank");
  EXPECT_EQ(judge_terms(places, std::vector{usual, usual, {0x1234, 4096, 512, "f32", "q8"}}),
            "rank 2 (host c, pid 12) was given --kv-type f32, but rank 0 (host a, pid 10) --kv-type f16; "
            "expected the same on every rank");
  EXPECT_EQ(
      judge_terms(places, std::vector{usual, usual, {0x1234, 4096, 512, "f16", "f32"}}),
      "rank 2 (host c, pid 12) was given --activations f32, but rank 0 (host a, pid 10) --activations q8; "
      "expected the same on every rank");
}

TEST(Agreement, IsAskedOfEveryRankAndOnlyRankZeroSpeaks) {
  for (int odd = 0; odd < 3; ++odd) {
    comm::run_ranks(3, [&](comm::Comm& comm) {
      EXPECT_TRUE(check_terms(comm, places, usual));
      const Terms mine{comm.rank() == odd ? 1u : 2u, 0, 0, "f16", "q8"};
      if (comm.rank() == 0) {
        EXPECT_THROW(check_terms(comm, places, mine), Error);
      } else {
        EXPECT_FALSE(check_terms(comm, places, mine));
      }
    });
  }
}

}  // namespace
}  // namespace yoke::cluster
