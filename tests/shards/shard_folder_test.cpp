#include "shards/shard_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <future>
#include <string>
#include <vector>

#include "common/error_of.h"
#include "common/scratch.h"

namespace yoke::shards {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

ShardKey key_of(const std::string& model, int rank, int ranks) { return {1, model, 7, {}, rank, ranks}; }

/// A file that begins as a shard does, last used `seconds` after some point in time.
fs::path put(const ScratchFolder& folder, const std::string& name, std::size_t bytes, int seconds) {
  const fs::path path = folder.write(name, std::string(shard_magic) + std::string(bytes - 8, 'x'));
  const timespec times[2] = {{1'000'000'000 + seconds, 0}, {1'000'000'000 + seconds, 0}};
  EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  return path;
}

std::vector<std::string> names_in(const ScratchFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path())) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(ShardName, TellsModelRankAndRanks) {
  const std::string name = shard_name(key_of("/models/llama 8b.gguf", 2, 4));
  EXPECT_THAT(name, testing::StartsWith("llama_8b-"));
  EXPECT_THAT(name, testing::EndsWith(".2-of-4.yoke-shard"));
  EXPECT_NE(name, shard_name(key_of("/other/llama 8b.gguf", 2, 4)));
  EXPECT_LT(shard_name(key_of("/" + std::string(250, 'a'), 1000, 1024)).size(), 200u);
}

TEST(CachedShards, AreThoseFilesOfTheFolderLeastRecentlyUsedFirst) {
  const ScratchFolder folder;
  put(folder, "b.yoke-shard", 100, 2);
  put(folder, "a.yoke-shard", 200, 3);
  put(folder, "c.yoke-shard", 300, 1);
  put(folder, "model.gguf", 300, 1);
  folder.write("stranger.yoke-shard", "something else");
  fs::create_directory(folder / "folder.yoke-shard");
  fs::create_symlink(folder / "model.gguf", folder / "link.yoke-shard");
  ASSERT_EQ(::mkfifo((folder / "pipe.yoke-shard").c_str(), 0600), 0);
  std::vector<std::string> found;
  for (const CachedShard& shard : cached_shards(folder.path())) found.push_back(shard.path.filename());
  EXPECT_THAT(found, ElementsAre("c.yoke-shard", "b.yoke-shard", "a.yoke-shard"));
  EXPECT_EQ(cached_shards(folder.path())[0].bytes, 300u);
  EXPECT_TRUE(cached_shards(folder / "nowhere").empty());
}

TEST(MakeRoom, RemovesTheLeastRecentlyUsedAndNoMoreThanItMust) {
  const ScratchFolder folder;
  put(folder, "a-1.0-of-1.yoke-shard", 400, 1);
  put(folder, "b-2.0-of-1.yoke-shard", 300, 3);
  put(folder, "c-3.0-of-1.yoke-shard", 200, 2);
  folder.write("model.gguf", std::string(5000, 'x'));
  make_room(folder / "d-4.0-of-1.yoke-shard", 100, 1000);
  EXPECT_EQ(names_in(folder).size(), 4u);
  make_room(folder / "d-4.0-of-1.yoke-shard", 600, 1000);
  EXPECT_THAT(names_in(folder), ElementsAre("b-2.0-of-1.yoke-shard", "model.gguf"));
}

TEST(MakeRoom, AShardThatWasUsedStaysLonger) {
  const ScratchFolder folder;
  const fs::path old = put(folder, "a-1.0-of-1.yoke-shard", 400, 1);
  put(folder, "b-2.0-of-1.yoke-shard", 400, 2);
  mark_used(old);
  make_room(folder / "c-3.0-of-1.yoke-shard", 500, 1000);
  EXPECT_THAT(names_in(folder), ElementsAre("a-1.0-of-1.yoke-shard"));
}

TEST(MakeRoom, DoesNotCountTheShardThatIsReplaced) {
  const ScratchFolder folder;
  put(folder, "a-1.0-of-1.yoke-shard", 900, 1);
  put(folder, "b-2.0-of-1.yoke-shard", 100, 2);
  make_room(folder / "a-1.0-of-1.yoke-shard", 900, 1000);
  EXPECT_EQ(names_in(folder).size(), 2u);
}

TEST(MakeRoom, RefusesWhatIsLargerThanTheBoundAndRemovesNothing) {
  const ScratchFolder folder;
  put(folder, "a-1.0-of-1.yoke-shard", 400, 1);
  EXPECT_THAT(error_of([&] { make_room(folder / "b-2.0-of-1.yoke-shard", 1001, 1000); }),
              HasSubstr("the bound of 1.00 KB has no room for 1.00 KB of weights"));
  EXPECT_EQ(names_in(folder).size(), 1u);
}

TEST(MakeRoom, AsksTheDiskForWhatIsToComeOnly) {
  const ScratchFolder folder;
  constexpr std::uint64_t more_than_any_has = std::uint64_t{1} << 60;
  const auto make = [&](Room room) {
    make_room(folder / "a-1.0-of-1.yoke-shard", more_than_any_has, 2 * more_than_any_has, room);
  };
  EXPECT_THAT(error_of([&] { make(Room::wanted); }), HasSubstr("its disk has only"));
  EXPECT_EQ(error_of([&] { make(Room::taken); }), "");
}

TEST(MakeRoom, RanksOfOneRunDoNotDriveEachOtherOut) {
  const ScratchFolder folder;
  put(folder, "m-1.0-of-3.yoke-shard", 400, 1);
  put(folder, "m-1.1-of-3.yoke-shard", 400, 2);
  put(folder, "other-2.0-of-1.yoke-shard", 100, 3);
  EXPECT_THAT(error_of([&] { make_room(folder / "m-1.2-of-3.yoke-shard", 400, 1000); }),
              HasSubstr("besides 800 bytes of the same model"));
  EXPECT_EQ(names_in(folder).size(), 3u);
  make_room(folder / "m-1.2-of-3.yoke-shard", 200, 1000);
  EXPECT_THAT(names_in(folder), ElementsAre("m-1.0-of-3.yoke-shard", "m-1.1-of-3.yoke-shard"));
}

TEST(MakeRoom, RemovesWhatADeadProcessLeftUnfinishedButNotWhatIsBeingWritten) {
  const ScratchFolder folder;
  put(folder, "a-1.0-of-1.yoke-shard.part-4711-0", 100, 1);
  folder.write("a-1.0-of-1.yoke-shard.part-4712-0", "being written");
  make_room(folder / "b-2.0-of-1.yoke-shard", 100, 1000);
  EXPECT_THAT(names_in(folder), ElementsAre("a-1.0-of-1.yoke-shard.part-4712-0"));
}

TEST(MakeRoom, RefusesWhatTheDiskCannotHold) {
  const ScratchFolder folder;
  const std::uint64_t most = std::uint64_t{1} << 62;
  EXPECT_THAT(error_of([&] { make_room(folder / "a-1.0-of-1.yoke-shard", most, 2 * most); }),
              HasSubstr("its disk has only"));
}

TEST(FolderLock, IsHeldByOneAtATime) {
  const ScratchFolder folder;
  auto first = std::make_unique<FolderLock>(folder.path());
  EXPECT_THAT(error_of([&] { FolderLock second(folder.path()); }),
              HasSubstr("another process keeps it locked"));
  first.reset();
  EXPECT_EQ(error_of([&] { FolderLock second(folder.path()); }), "");
}

TEST(FolderLock, OfNoFolderIsRefused) {
  const ScratchFolder folder;
  EXPECT_THAT(error_of([&] { FolderLock lock(folder / "nowhere"); }), HasSubstr("cannot be opened"));
}

}  // namespace
}  // namespace yoke::shards
