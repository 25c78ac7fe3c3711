#include "cluster/shared_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "comm/threads.h"
#include "common/block_model.h"
#include "common/error_of.h"
#include "common/scratch.h"
#include "gguf/reader.h"
#include "shards/replica.h"

namespace yoke::cluster {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;

/// Ranks on machines of their own, each of which knows the model by a path of its own.
class SharedModelTest : public testing::Test {
 protected:
  fs::path home(int machine) const { return folder_ / ("machine" + std::to_string(machine)); }
  fs::path model_on(int machine) const { return home(machine) / "model.gguf"; }

  void make_machines(int n) {
    for (int machine = 0; machine < n; ++machine) fs::create_directories(home(machine));
  }

  /// What a start on these machines does with the model's files: whatever each rank reads through what it is
  /// told to open, and keeps. The sentences of those that could not.
  std::vector<std::string> start(const std::vector<int>& machines, bool replicate) {
    std::vector<runtime::Place> places;
    for (const int machine : machines) {
      runtime::Place& place = places.emplace_back();
      place.rank = static_cast<std::int32_t>(places.size()) - 1;
      place.host = "node" + std::to_string(machine);
      place.machine = place.host;
      place.network = "all on loopback";
    }
    std::vector<std::string> sentences(machines.size());
    fetched_.assign(machines.size(), {});
    comm::run_ranks(static_cast<int>(machines.size()), [&](comm::Comm& comm) {
      const auto rank = static_cast<std::size_t>(comm.rank());
      sentences[rank] = error_of([&] { start_rank(comm, machines[rank], places, replicate); });
    });
    return sentences;
  }

  void start_rank(comm::Comm& comm, int machine, const std::vector<runtime::Place>& places, bool replicate) {
    runtime::RankOptions options;
    options.host.model = model_on(machine).string();
    options.engine.replicate = replicate;
    options.places = places;
    SharedModel shared = share_model(comm, options, {}, home(machine) / "shards");
    const std::string sentence = error_of([&] {
      const gguf::Model model = gguf::Model::open(options.host.model, options.open_file);
      const gguf::TensorInfo& tensor = model.tensors().front();
      std::vector<std::byte> bytes(tensor.bytes);
      // As a rank reads the columns of a matrix that are its own.
      const std::uint64_t stride = 4096 * static_cast<std::uint64_t>(comm.size());
      const gguf::EvenPieces pieces{4096 * static_cast<std::uint64_t>(comm.rank()), 4096, stride,
                                    tensor.bytes / stride};
      std::vector<std::byte> columns(pieces.n * pieces.bytes);
      model.expect_pieces(tensor, pieces);
      model.read_pieces(tensor, pieces, columns);
      EXPECT_TRUE(columns == columns_of(pieces));
      for (const int part : options.keep.parts)
        shards::keep_replica_part(model,
                                  shards::replica_key(options.keep.model, model, part, options.keep.of),
                                  options.keep.folder, 1'000'000'000, [](std::uint64_t, std::uint64_t) {});
    });
    for (int rank = 0; rank < comm.size(); ++rank) {  // all have read
      std::vector<std::byte> nothing;
      comm.broadcast(nothing, rank);
    }
    fetched_[static_cast<std::size_t>(comm.rank())] = shared.fetched();
    shared.end();
    require(sentence.empty(), "{}", sentence);
  }

  std::vector<std::byte> columns_of(const gguf::EvenPieces& pieces) const {
    std::vector<std::byte> columns(pieces.n * pieces.bytes);
    const gguf::Model model = gguf::Model::open(original_);
    model.read_pieces(model.tensors().front(), pieces, columns);
    return columns;
  }

  std::vector<int> parts_on(int machine) const {
    const auto replica = shards::Replica::find(home(machine) / "shards", model_on(machine));
    return replica ? replica->parts() : std::vector<int>();
  }

  /// By each rank of the last start.
  std::vector<std::vector<Fetched>> fetched_;

  ScratchFolder folder_;
  const fs::path original_ = write_block_model(folder_ / "original.gguf", 9'000'000, 1);
};

TEST_F(SharedModelTest, AnyMachineMayBeLostAndReplacedOneAfterTheOther) {
  make_machines(5);
  fs::copy_file(original_, model_on(1));
  EXPECT_THAT(start({0, 1, 2}, true), Each(""));
  EXPECT_EQ(parts_on(0), std::vector<int>{0});
  EXPECT_EQ(parts_on(2), std::vector<int>{1});
  // The one with the file is gone; with another in its place, then with one fewer.
  EXPECT_THAT(start({0, 2}, false), Each(""));
  EXPECT_THAT(start({0, 3, 2}, true), Each(""));
  for (const auto& left : {std::vector<int>{0, 3}, {3, 2}, {0, 2}}) EXPECT_THAT(start(left, false), Each(""));
  EXPECT_THAT(start({3, 4, 2}, true), Each(""));
  EXPECT_THAT(start({4, 3}, false), Each(""));
  EXPECT_THAT(start({4, 2}, false), Each(""));
}

TEST_F(SharedModelTest, TellsFromWhomEachRankReads) {
  make_machines(3);
  fs::copy_file(original_, model_on(1));
  const auto sources = [this](std::size_t rank) {
    std::vector<int> ranks;
    for (const Fetched& each : fetched_.at(rank)) ranks.push_back(each.from);
    return ranks;
  };
  EXPECT_THAT(start({0, 1, 2}, true), Each(""));
  EXPECT_EQ(sources(0), std::vector<int>{1});
  EXPECT_EQ(sources(1), std::vector<int>());
  EXPECT_EQ(sources(2), std::vector<int>{1});
  // A part of it is the block that follows the header, and more.
  EXPECT_GE(fetched_[0][0].bytes, shards::replica_block_bytes);
  EXPECT_THAT(start({0, 2}, false), Each(""));
  EXPECT_EQ(sources(0), std::vector<int>{1});
  EXPECT_EQ(sources(1), std::vector<int>{0});
}

TEST_F(SharedModelTest, TheLastOfTwoHasItAlone) {
  make_machines(2);
  fs::copy_file(original_, model_on(0));
  EXPECT_THAT(start({0, 1}, true), Each(""));
  EXPECT_EQ(parts_on(1), std::vector<int>{0});
  EXPECT_THAT(start({1}, false), Each(""));
  EXPECT_THAT(start({1, 1}, false), Each(""));  // two ranks there
}

TEST_F(SharedModelTest, APartThatIsNowhereIsNamed) {
  make_machines(4);
  fs::copy_file(original_, model_on(0));
  EXPECT_THAT(start({0, 1, 2, 3}, true), Each(""));
  EXPECT_THAT(start({1, 3}, false),
              Each(AllOf(HasSubstr("no machine has it"),
                         HasSubstr("of the 3 parts in which they keep it 2 is missing"))));
}

TEST_F(SharedModelTest, WithoutReplicationNothingIsKept) {
  make_machines(2);
  fs::copy_file(original_, model_on(0));
  EXPECT_THAT(start({0, 1}, false), Each(""));
  EXPECT_TRUE(parts_on(1).empty());
  fs::remove(model_on(0));
  EXPECT_THAT(start({0, 1}, false), Each(HasSubstr("cannot be opened")));
}

TEST_F(SharedModelTest, WhereAllHaveTheFileTheyReadTheirOwn) {
  make_machines(2);
  for (const int machine : {0, 1}) fs::copy_file(original_, model_on(machine));
  EXPECT_THAT(start({0, 1}, true), Each(""));
  EXPECT_TRUE(parts_on(1).empty());
}

}  // namespace
}  // namespace yoke::cluster
