#include "model/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "model/family.h"
#include "model/random_model.h"
#include "model/run_model.h"

namespace yoke::model {
namespace {

TEST(Cut, GivesEveryUnitToExactlyOneRange) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 2000; ++trial) {
    const std::int64_t units = random() % 300;
    const std::int64_t granule = 1 + random() % 70;
    std::vector<double> shares(1 + random() % 12);
    for (double& share : shares) share = 0.01 + static_cast<double>(random() % 1000);
    std::int64_t next = 0;
    for (const Range& range : cut(units, granule, shares)) {
      ASSERT_EQ(range.begin, next);
      ASSERT_LE(range.begin, range.end);
      ASSERT_TRUE(range.end % granule == 0 || range.end == units);
      next = range.end;
    }
    ASSERT_EQ(next, units);
  }
}

TEST(Cut, IsProportionalToTheSharesWithinAGranule) {
  const std::vector<double> shares = {5, 1, 2, 8};
  const std::vector<Range> ranges = cut(16'000, 16, shares);
  for (std::size_t r = 0; r < shares.size(); ++r) {
    EXPECT_NEAR(static_cast<double>(ranges[r].size()), 1000 * shares[r], 16);
  }
}

class OfLlama : public testing::Test {
 protected:
  gguf::Model file =
      gguf::Model::open(tiny_model("llama"));  // 8 heads over 4 KV heads of 32, FFN 256, vocabulary 320
  Config config = read_config(file);
  std::unique_ptr<Family> family = make_family(config);
  std::vector<TensorEntry> table = family->tensors();

  Partition of(int ranks) const { return {config, table, file, equal_shares(ranks)}; }
};

TEST_F(OfLlama, RanksOwnWholeKvGroupsWhereTheyCan) {
  for (int ranks = 1; ranks <= 4; ++ranks) {
    const Partition partition = of(ranks);
    std::int64_t next = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const Range heads = partition.range(Space::heads, 0, rank);
      const Range kv_heads = partition.range(Space::kv_heads, 0, rank);
      EXPECT_EQ(heads, (Range{2 * kv_heads.begin, 2 * kv_heads.end}));
      EXPECT_EQ(kv_heads.begin, next) << "no KV head is stored twice";
      next = kv_heads.end;
    }
    EXPECT_EQ(next, 4);
  }
}

TEST_F(OfLlama, KvHeadsAreReplicatedWhereRanksOutnumberThem) {
  const Partition partition = of(8);
  for (int rank = 0; rank < 8; ++rank) {
    EXPECT_EQ(partition.range(Space::heads, 1, rank), (Range{rank, rank + 1}));
    EXPECT_EQ(partition.range(Space::kv_heads, 1, rank), (Range{rank / 2, rank / 2 + 1}));
  }
}

TEST_F(OfLlama, EveryQueryHeadFindsItsKvHeadOnItsRank) {
  for (int ranks = 1; ranks <= 24; ++ranks) {
    const Partition partition = of(ranks);
    for (int rank = 0; rank < ranks; ++rank) {
      const ops::Heads heads = local_heads(config, partition, 0, rank);
      for (std::int64_t head = 0; head < heads.n_heads; ++head) {
        const std::int64_t kv_head = (heads.first_head + head) / heads.group - heads.first_kv_head;
        EXPECT_TRUE(kv_head >= 0 && kv_head < heads.n_kv_heads) << "rank " << rank << " of " << ranks;
      }
    }
  }
}

TEST_F(OfLlama, PartsOfUnreplicatedTensorsCoverEveryValueOnce) {
  for (const int ranks : {1, 2, 3, 4, 5, 8, 24}) {
    const Partition partition = of(ranks);
    for (const TensorEntry& entry : table) {
      if (entry.split.axis == Axis::none || file.find(entry.name) == nullptr) continue;
      if (entry.split.segments[0].space == Space::kv_heads && ranks > 4) continue;
      std::int64_t values = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Part piece = part(entry, partition, rank);
        values += piece.n_rows() * piece.cols.size();
      }
      EXPECT_EQ(values, file.find(entry.name)->values()) << entry.name << " on " << ranks << " ranks";
    }
  }
}

TEST(Partition, EveryUnitOfEveryExpertBelongsToOneRankAndSharesEvenOutOverExperts) {
  const gguf::Model file = gguf::Model::open(tiny_model("qwen3moe"));  // 8 experts of 128 units: two of 64
  const Config config = read_config(file);
  const auto family = make_family(config);
  const std::vector<TensorEntry> table = family->tensors();
  for (const std::vector<double>& shares : {std::vector<double>{1}, {1, 1, 1}, {1, 1, 1, 1, 1}, {3, 1}}) {
    const Partition partition(config, table, file, shares);
    const int ranks = partition.size();
    std::vector<std::int64_t> owned(shares.size(), 0);
    for (std::int64_t e = 0; e < 8; ++e) {
      std::int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Range range = partition.range(Space::expert_ffn, 0, rank, e);
        EXPECT_EQ(range.begin, next);
        EXPECT_EQ(range.begin % 64, 0);
        next = range.end;
        owned[static_cast<std::size_t>(rank)] += range.size();
      }
      EXPECT_EQ(next, 128) << "expert " << e;
    }
    const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
    for (std::size_t rank = 0; rank < shares.size(); ++rank)
      EXPECT_NEAR(static_cast<double>(owned[rank]), 8 * 128 * shares[rank] / total, 1.5 * 64) << rank;
    for (const TensorEntry& entry : table) {
      if (entry.experts == 0 || file.find(entry.name) == nullptr) continue;
      std::int64_t values = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        for (const Part& piece : parts(entry, partition, rank)) values += piece.n_rows() * piece.cols.size();
      }
      EXPECT_EQ(values, file.find(entry.name)->values()) << entry.name << " on " << ranks << " ranks";
    }
  }
}

TEST(Partition, EveryHeadOfLatentAttentionHasItsMatricesOnOneRank) {
  const gguf::Model file = gguf::Model::open(tiny_model("deepseek2"));  // 8 heads of 32 dimensions, F32
  const Config config = read_config(file);
  const auto family = make_family(config);
  const std::vector<TensorEntry> table = family->tensors();
  for (const int ranks : {1, 2, 3, 5, 8, 11}) {
    const Partition partition(config, table, file, equal_shares(ranks));
    for (const TensorEntry& entry : table) {
      if (entry.head_rows.n == 0) continue;
      std::int64_t next = 0, heads = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const std::vector<Part> mine = parts(entry, partition, rank);
        EXPECT_EQ(std::ssize(mine), partition.range(Space::heads, entry.layer, rank).size());
        EXPECT_EQ(part(entry, partition, rank).n_rows(), std::ssize(mine) * entry.head_rows.n);
        for (const Part& head : mine) {
          EXPECT_EQ(head.rows, (std::vector<Range>{{next, next + entry.head_rows.n}})) << entry.name;
          next += entry.head_rows.of_head;
          ++heads;
        }
      }
      EXPECT_EQ(heads, 8) << entry.name << " on " << ranks << " ranks";
    }
  }
}

TEST(Partition, LatentsAreOneKvHeadOfEveryRankThatHasHeads) {
  const gguf::Model file = gguf::Model::open(tiny_model("deepseek2"));
  const Config config = read_config(file);
  const auto family = make_family(config);
  const std::vector<TensorEntry> table = family->tensors();
  const Partition partition(config, table, file, equal_shares(11));
  for (int rank = 0; rank < 11; ++rank) {
    const ops::Heads heads = local_heads(config, partition, 1, rank);
    EXPECT_EQ(heads.n_kv_heads, heads.n_heads > 0 ? 1 : 0);
    EXPECT_EQ(heads.k_dim, 128 + 16);
    EXPECT_EQ(heads.v_dim, 128);
    EXPECT_TRUE(heads.keys_hold_values);
  }
}

TEST_F(OfLlama, ColumnPartsAreWholeBlocks) {
  const gguf::Model demo =
      gguf::Model::open(std::filesystem::path(YOKE_MODELS) / "demo.gguf");  // Q8_0: blocks of 32
  const Config demo_config = read_config(demo);
  const auto demo_family = make_family(demo_config);
  const std::vector<TensorEntry> demo_table = demo_family->tensors();
  for (int ranks = 1; ranks <= 16; ++ranks) {
    const Partition partition(demo_config, demo_table, demo, equal_shares(ranks));
    for (const TensorEntry& entry : demo_table) {
      for (int rank = 0; entry.split.axis == Axis::cols && rank < ranks; ++rank) {
        const Range cols = part(entry, partition, rank).cols;
        EXPECT_TRUE(cols.begin % 32 == 0 && cols.end % 32 == 0) << entry.name;
      }
    }
  }
}

/// A model of one layer of `type` throughout, of which only the table is asked for.
class OneLayer {
 public:
  OneLayer(quant::Type type, std::uint64_t heads, std::uint64_t kv_heads, std::int64_t head_dim,
           std::uint64_t ffn)
      : model_({"llama",
                256,
                {heads},
                {kv_heads},
                {ffn},
                head_dim,
                head_dim,
                head_dim,
                true,
                {type},
                {quant::Type::f32}}),
        file_(gguf::Model::open(model_.path())),
        config_(read_config(file_)),
        family_(make_family(config_)),
        table_(family_->tensors()) {}

  Partition of(int ranks) const { return {config_, table_, file_, equal_shares(ranks)}; }
  const std::vector<TensorEntry>& table() const { return table_; }

 private:
  RandomModel model_;
  gguf::Model file_;
  Config config_;
  std::unique_ptr<Family> family_;
  std::vector<TensorEntry> table_;
};

TEST(Partition, CutsBlocksOf256Every64Columns) {
  const OneLayer model(quant::Type::q4_k, 8, 8, 64, 512);
  const Partition partition = model.of(8);
  for (int rank = 0; rank < 8; ++rank) {
    EXPECT_EQ(partition.range(Space::heads, 0, rank), (Range{rank, rank + 1}));
    EXPECT_EQ(partition.range(Space::ffn, 0, rank), (Range{64 * rank, 64 * rank + 64}));
  }
}

TEST(Partition, CutsEveryHeadOf128WithinABlockOf256) {
  const OneLayer model(quant::Type::q6_k, 6, 6, 128, 768);
  const Partition partition = model.of(3);
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(partition.range(Space::heads, 0, rank), (Range{2 * rank, 2 * rank + 2}));
    EXPECT_EQ(partition.range(Space::ffn, 0, rank), (Range{256 * rank, 256 * rank + 256}));
  }
  for (int rank = 0; rank < 6; ++rank)
    EXPECT_EQ(model.of(6).range(Space::heads, 0, rank), (Range{rank, rank + 1}));
}

TEST(Partition, TakesAsManyHeadsAs64ColumnsNeed) {
  const OneLayer model(quant::Type::q5_k, 16, 16, 48, 256);  // four heads are three units
  const Partition partition = model.of(5);
  for (int rank = 0; rank < 5; ++rank) {
    const Range heads = partition.range(Space::heads, 0, rank);
    EXPECT_TRUE(heads.begin % 4 == 0 && heads.end % 4 == 0) << rank;
  }
}

TEST(Partition, KeepsKvGroupsWholeWhereItCutsBlocks) {
  const OneLayer model(quant::Type::q4_k, 12, 4, 64, 256);  // groups of three heads
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(model.of(3).range(Space::heads, 0, rank).begin % 3, 0);
  for (int rank = 0; rank < 8; ++rank) EXPECT_GT(model.of(8).range(Space::heads, 0, rank).size(), 0) << rank;
}

TEST(Partition, SharesARowOf45UnitsToWithinOne) {
  const OneLayer model(quant::Type::q8_0, 8, 8, 64, 2880);
  for (const int ranks : {2, 3, 4, 5, 7, 8, 45}) {
    const Partition partition = model.of(ranks);
    for (int rank = 0; rank < ranks; ++rank) {
      const Range ffn = partition.range(Space::ffn, 0, rank);
      EXPECT_EQ(ffn.begin % 64, 0);
      EXPECT_NEAR(static_cast<double>(ffn.size()), 2880.0 / ranks, 64) << rank << " of " << ranks;
    }
  }
}

TEST(Partition, CutColumnsCoverARowOnce) {
  const OneLayer model(quant::Type::q3_k, 12, 12, 64, 1280);
  for (int ranks = 1; ranks <= 24; ++ranks) {
    const Partition partition = model.of(ranks);
    for (const TensorEntry& entry : model.table()) {
      if (entry.split.axis != Axis::cols) continue;
      std::int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Range cols = part(entry, partition, rank).cols;
        EXPECT_EQ(cols.begin, next) << entry.name << " on " << ranks << " ranks";
        EXPECT_EQ(cols.begin % 64, 0);
        next = cols.end;
      }
      EXPECT_EQ(next, entry.shape[1]);
    }
  }
}

TEST_F(OfLlama, DescribesAShareForAPerson) {
  EXPECT_EQ(of(4).describe(1), "heads 2-3 of 8, FFN 64-127 of 256, vocabulary 80-159 of 320");
  EXPECT_EQ(of(8).describe(0), "heads 0-0 of 8, FFN 0-63 of 256, vocabulary 0-47 of 320");
  EXPECT_THAT(of(24).describe(0), testing::HasSubstr("no heads"));
}

}  // namespace
}  // namespace yoke::model
