#include "shards/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "common/block_model.h"
#include "common/error_of.h"
#include "common/scratch.h"
#include "gguf/fingerprint.h"
#include "shards/shard_folder.h"
#include "shards/unfinished_shard.h"

namespace yoke::shards {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t bound = 1'000'000'000;
constexpr std::int64_t floats_of_block = replica_block_bytes / 4;
const auto ignore = [](std::uint64_t, std::uint64_t) {};

/// A model whose file has five blocks and a rest.
class ReplicaTest : public testing::Test {
 protected:
  fs::path keep(const gguf::Model& model, int part, int parts, const ReplicaProgress& progress = ignore) {
    const ShardKey key = replica_key(asked_, model, part, parts);
    keep_replica_part(model, key, folder_.path(), bound, progress);
    return folder_ / shard_name(key);
  }
  gguf::Model open() const { return gguf::Model::open(model_); }
  std::shared_ptr<const Replica> find() const { return Replica::find(folder_.path(), asked_); }

  ScratchFolder there_;
  ScratchFolder folder_;
  const fs::path model_ = write_block_model(there_ / "model.gguf", 5 * floats_of_block, 1);
  const fs::path asked_ = there_ / "as-asked-for.gguf";  // by which the machine that keeps it knows it
};

TEST_F(ReplicaTest, PartsTogetherHaveTheFile) {
  for (const int parts : {1, 2, 3, 8}) {
    SCOPED_TRACE(parts);
    const std::string whole = read_file(model_);
    std::string together(whole.size(), '\0');
    std::set<std::uint64_t> blocks;
    for (int part = 0; part < parts; ++part) {
      const ReplicaPart kept(keep(open(), part, parts));
      EXPECT_THAT(kept.names(), ElementsAre(model_.string()));
      for (std::uint64_t block = 0; block < replica_blocks(whole.size()); ++block) {
        if (!kept.has(0, block)) continue;
        EXPECT_TRUE(static_cast<int>(block) % parts == part || block == 0);
        const std::uint64_t begin = block * replica_block_bytes;
        std::span<char> to(together.data() + begin, std::min(replica_block_bytes, whole.size() - begin));
        kept.read(0, begin, std::as_writable_bytes(to));
        blocks.insert(block);
      }
    }
    EXPECT_EQ(blocks.size(), 6U);
    EXPECT_TRUE(together == whole);
    EXPECT_EQ(find()->parts().size(), static_cast<std::size_t>(parts));  // those of other replicas are gone
  }
}

TEST_F(ReplicaTest, AnyPartDescribesTheModelAndSaysWhatItHasNot) {
  keep(open(), 2, 3);
  const std::shared_ptr<const Replica> replica = find();
  ASSERT_TRUE(replica);
  EXPECT_THAT(replica->parts(), ElementsAre(2));
  const gguf::Model model = gguf::Model::open(replica->names().front(), opener_of(replica));
  EXPECT_EQ(gguf::fingerprint(model), gguf::fingerprint(open()));
  EXPECT_EQ(model.versions(), open().versions());
  const gguf::TensorInfo& tensor = model.tensors().front();
  std::vector<std::byte> bytes(1000), expected(1000);
  model.read(tensor, 2 * replica_block_bytes, bytes);
  open().read(tensor, 2 * replica_block_bytes, expected);
  EXPECT_EQ(bytes, expected);
  EXPECT_THAT(error_of([&] { model.read(tensor, replica_block_bytes, bytes); }),
              AllOf(HasSubstr(model_.string()), HasSubstr("this machine keeps a part of it only")));
  EXPECT_EQ(Replica::find(folder_.path(), model_), nullptr);  // it was asked for by another name
}

TEST_F(ReplicaTest, AFileOfASplitModelBeginsWhereTheOneBeforeEnds) {
  std::vector<fs::path> files;
  for (const int number : {0, 1})
    files.push_back(write_block_model(there_ / ("m-0000" + std::to_string(number + 1) + "-of-00002.gguf"),
                                      2 * floats_of_block, static_cast<unsigned>(number), number, 2));
  const gguf::Model model = gguf::Model::open(files[0]);
  for (const int part : {0, 1}) keep(model, part, 2);
  const std::shared_ptr<const Replica> replica = find();
  ASSERT_EQ(replica->names().size(), 2U);
  for (const std::size_t file : {0U, 1U}) {
    const auto input = open_kept_file(replica, file);
    std::string bytes(input->bytes(), '\0');
    input->read(0, std::as_writable_bytes(std::span(bytes)));
    EXPECT_TRUE(bytes == read_file(files[file]));
  }
  const auto part_of = replica_parts_of_blocks(model.versions(), 2);
  EXPECT_THAT(part_of, ElementsAre(ElementsAre(0, 1, 0), ElementsAre(1, 0, 1)));
}

TEST_F(ReplicaTest, GoesOnWhereItWasCutOff) {
  const auto cut = [](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, 3 * replica_block_bytes);
    if (done >= 2 * replica_block_bytes) throw Error("cut off");
  };
  EXPECT_EQ(error_of([&] { keep(open(), 0, 2, cut); }), "cut off");
  EXPECT_EQ(find(), nullptr);
  std::vector<std::uint64_t> told;
  keep(open(), 0, 2, [&](std::uint64_t done, std::uint64_t) { told.push_back(done); });
  EXPECT_THAT(told, ElementsAre(2 * replica_block_bytes, 3 * replica_block_bytes));
  told.clear();
  keep(open(), 0, 2, [&](std::uint64_t done, std::uint64_t) { told.push_back(done); });
  EXPECT_TRUE(told.empty());  // it is there
}

TEST_F(ReplicaTest, DamageIsFoundWhereItIsRead) {
  const fs::path path = keep(open(), 1, 2);
  std::string bytes = read_file(path);
  const std::size_t place = bytes.size() - 100'000;
  bytes[place] = static_cast<char>(bytes[place] ^ 1);
  write_file(path, bytes);
  const ReplicaPart part(path);
  std::vector<std::byte> block(replica_block_bytes);
  EXPECT_EQ(error_of([&] { part.read(0, replica_block_bytes, block); }), "");
  // The last block that it has is the rest of the file, of some bytes.
  std::string sentences;
  for (const std::uint64_t each : {3U, 5U}) {
    block.resize(std::min(replica_block_bytes, fs::file_size(model_) - each * replica_block_bytes));
    sentences += error_of([&] { part.read(0, each * replica_block_bytes, block); });
  }
  EXPECT_THAT(sentences, AllOf(HasSubstr(path.string()), HasSubstr("is damaged: a checksum")));
}

TEST_F(ReplicaTest, OneOfAFileThatWasWrittenAnewIsReplaced) {
  keep(open(), 1, 2);
  write_block_model(model_, 5 * floats_of_block, 2);
  const ReplicaPart part(keep(open(), 1, 2));
  std::vector<std::byte> bytes(1000), expected(1000);
  part.read(0, 3 * replica_block_bytes, bytes);
  open().input(0).read(3 * replica_block_bytes, expected);
  EXPECT_EQ(bytes, expected);
}

TEST_F(ReplicaTest, PackedWeightsOfTheModelAndItsPartsDoNotDriveEachOtherOut) {
  const fs::path part = keep(open(), 0, 1);
  const ShardKey packed{1, replica_key(asked_, open(), 0, 1).model, 7, {}, 0, 3};
  make_room(folder_ / shard_name(packed), 1000, fs::file_size(part) + 1000);
  EXPECT_TRUE(fs::exists(part));
  EXPECT_THAT(error_of([&] { make_room(folder_ / shard_name(packed), 1001, fs::file_size(part) + 1000); }),
              HasSubstr("of the same model"));
}

TEST_F(ReplicaTest, WhatIsNoPartIsRefused) {
  const gguf::Model model = open();
  UnfinishedShard lacking(folder_.path(), replica_key(asked_, model, 0, 2));
  const std::vector<std::byte> nonsense(1000);
  lacking.append("0:0", nonsense);
  EXPECT_THAT(error_of([&] { ReplicaPart part(lacking.path()); }),
              HasSubstr("does not tell the names of the model's files"));
  UnfinishedShard packed(folder_.path(), {1, asked_.string(), 7, {{1000, 5}}, 0, 2});
  packed.append("w", nonsense);
  EXPECT_THAT(error_of([&] { ReplicaPart part(packed.path()); }), HasSubstr("holds packed weights"));
}

}  // namespace
}  // namespace yoke::shards
