#include "runtime/row_gather.h"

#include <gtest/gtest.h>

#include <numeric>

#include "comm/threads.h"

namespace yoke::runtime {
namespace {

TEST(RowGather, GivesEveryRankWhatEachWroteOfEachRow) {
  for (const int ranks : {1, 2, 3, 4}) {
    comm::run_ranks(ranks, [&](comm::Comm& comm) {
      // Rank 1 has nothing of any row, and nobody has anything of row 2.
      const auto length = [](std::size_t row, int rank) {
        return rank == 1 || row == 2 ? 0 : static_cast<std::int64_t>(row) + rank + 1;
      };
      const auto value = [](std::size_t row, int rank, std::size_t i) {
        return static_cast<float>(100 * row + 10 * static_cast<std::size_t>(rank) + i);
      };
      RowGather gather(comm, 5, length);
      for (std::size_t row = 0; row < 5; ++row) {
        const std::span<float> mine = gather.mine(row);
        ASSERT_EQ(std::ssize(mine), length(row, comm.rank()));
        for (std::size_t i = 0; i < mine.size(); ++i) mine[i] = value(row, comm.rank(), i);
      }
      gather.exchange();
      for (std::size_t row = 0; row < 5; ++row) {
        std::vector<float> all;
        for (int rank = 0; rank < ranks; ++rank) {
          const std::span<const float> part = gather.part(row, rank);
          ASSERT_EQ(std::ssize(part), length(row, rank));
          for (std::size_t i = 0; i < part.size(); ++i) {
            ASSERT_EQ(part[i], value(row, rank, i));
            all.push_back(part[i]);
          }
        }
        EXPECT_EQ(gather.joined(row), all);
      }
    });
  }
}

TEST(RowGather, OfNoRowsIsNothing) {
  comm::run_ranks(3, [](comm::Comm& comm) {
    RowGather gather(comm, 0, [](std::size_t, int) { return 1; });
    EXPECT_NO_THROW(gather.exchange());
  });
}

TEST(Pack, BringsAStructsBytesThroughFloats) {
  struct Odd {
    std::int64_t whole;
    std::uint32_t bits;
    float number;
  };
  static_assert(packed_floats<Odd> == 4);
  std::vector<float> floats(4);
  pack(Odd{-5, 0x7f800001, 1.5f}, floats);  // the bits of a signalling NaN
  const Odd copy = unpack<Odd>(std::vector<float>(floats));
  EXPECT_EQ(copy.whole, -5);
  EXPECT_EQ(copy.bits, 0x7f800001);
  EXPECT_EQ(copy.number, 1.5f);
}

}  // namespace
}  // namespace yoke::runtime
