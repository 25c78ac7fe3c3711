#include "shards/unfinished_shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "common/error_of.h"
#include "common/scratch.h"
#include "shards/kept_as_it_comes.h"
#include "shards/shard_folder.h"

namespace yoke::shards {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Matrices = std::map<std::string, std::vector<std::byte>>;

ShardKey key(int rank = 1) { return {1, "/models/m.gguf", 7, {{1000, 5}}, rank, 3}; }

Matrices random_matrices() {
  Matrices matrices;
  std::mt19937 random(1);
  for (const std::size_t bytes : {std::size_t{576}, 2 * shard_piece_bytes, 3 * shard_piece_bytes + 1000}) {
    std::vector<std::byte>& matrix = matrices["w" + std::to_string(bytes)];
    matrix.resize(bytes);
    for (std::byte& byte : matrix) byte = static_cast<std::byte>(random());
  }
  return matrices;
}

fs::path only_file(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  EXPECT_EQ(files.size(), 1U);
  return files.at(0);
}

/// The names that are there with the right bytes.
std::vector<std::string> found(const UnfinishedShard& shard, const Matrices& matrices) {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : matrices) {
    std::vector<std::byte> to(bytes.size());
    std::uint64_t counted = 0;
    if (!shard.fill(name, to, [&](std::uint64_t n) { counted += n; })) continue;
    EXPECT_EQ(to, bytes);
    EXPECT_EQ(counted, bytes.size());
    names.push_back(name);
  }
  return names;
}

void append_all(UnfinishedShard& shard, const Matrices& matrices) {
  for (const auto& [name, bytes] : matrices) shard.append(name, bytes);
}

class Unfinished : public testing::Test {
 protected:
  ScratchFolder folder_;
  const Matrices matrices_ = random_matrices();

  std::vector<std::string> found_again(const ShardKey& of = key()) const {
    return found(UnfinishedShard(folder_.path(), of), matrices_);
  }
};

TEST_F(Unfinished, HasWhatAnEarlierStartKept) {
  {
    UnfinishedShard shard(folder_.path(), key());
    EXPECT_THAT(found(shard, matrices_), IsEmpty());
    append_all(shard, matrices_);
    EXPECT_EQ(found(shard, matrices_).size(), 3U);
  }
  EXPECT_EQ(found_again().size(), 3U);
  EXPECT_EQ(only_file(folder_.path()).filename(), shard_name(key()).append(".unfinished"));
}

TEST_F(Unfinished, AStartThatIsCutOffAnywhereLeavesWhatWasWhole) {
  {
    UnfinishedShard shard(folder_.path(), key());
    append_all(shard, matrices_);
  }
  const fs::path path = only_file(folder_.path());
  const std::string whole = read_file(path);
  std::size_t before = 3;
  for (std::size_t bytes = whole.size() + 1; bytes > 9000;) {
    bytes -= std::min<std::size_t>(bytes, 8999);
    write_file(path, whole.substr(0, bytes));
    const std::size_t now = found_again().size();
    EXPECT_LE(now, before);
    before = now;
    // And it goes on from there.
    UnfinishedShard shard(folder_.path(), key());
    append_all(shard, matrices_);
    EXPECT_EQ(found(shard, matrices_).size(), 3U);
  }
  EXPECT_EQ(before, 0U);
}

TEST_F(Unfinished, DamageIsFound) {
  {
    UnfinishedShard shard(folder_.path(), key());
    append_all(shard, matrices_);
  }
  const fs::path path = only_file(folder_.path());
  std::string bytes = read_file(path);
  char& in_the_last = bytes[bytes.size() - 2 * shard_alignment];
  in_the_last = static_cast<char>(in_the_last ^ 1);
  write_file(path, bytes);
  EXPECT_EQ(found_again().size(), 2U);
  bytes[50] = static_cast<char>(bytes[50] ^ 1);
  write_file(path, bytes);
  EXPECT_THAT(found_again(), IsEmpty());
}

TEST_F(Unfinished, WhatBelongsToAnotherModelGoes) {
  {
    UnfinishedShard shard(folder_.path(), key());
    append_all(shard, matrices_);
  }
  ShardKey written = key();
  written.files = {{1000, 6}};
  EXPECT_THAT(found_again(written), IsEmpty());
  EXPECT_EQ(fs::file_size(only_file(folder_.path())), 0U);
}

TEST_F(Unfinished, OneProcessHasIt) {
  const UnfinishedShard shard(folder_.path(), key());
  EXPECT_THAT(error_of([&] { UnfinishedShard(folder_.path(), key()); }), HasSubstr("another process has it"));
  const UnfinishedShard other(folder_.path(), key(2));
}

/// Loads the matrices as a rank does whose model is far, and is cut off after so many.
std::vector<std::string> fetched_by_start(const fs::path& folder, const Matrices& matrices, std::size_t most,
                                          std::vector<std::string>* notices = nullptr) {
  ThreadPool pool(2);
  ShardCache cache(folder, 100'000'000, key(), pool);
  KeptAsItComes kept(cache, folder, key());
  std::vector<std::string> fetched;
  std::vector<std::vector<std::byte>> places;  // which stay as they are
  for (const auto& [name, bytes] : matrices) places.emplace_back(bytes.size());
  std::size_t i = 0;
  for (const auto& [name, bytes] : matrices) {
    std::vector<std::byte>& place = places[i++];
    if (!kept.fill(name, place, [](std::uint64_t) {})) {
      if (fetched.size() == most) return fetched;
      place = bytes;
      kept.keep(name, place);
      fetched.push_back(name);
    }
    EXPECT_EQ(place, bytes);
  }
  if (!kept.finish()) cache.write([](std::uint64_t, std::uint64_t) {});
  if (notices != nullptr) *notices = cache.notices();
  return fetched;
}

TEST_F(Unfinished, NothingIsFetchedTwice) {
  EXPECT_EQ(fetched_by_start(folder_.path(), matrices_, 1).size(), 1U);
  EXPECT_EQ(fetched_by_start(folder_.path(), matrices_, 1).size(), 1U);
  EXPECT_EQ(fetched_by_start(folder_.path(), matrices_, 9).size(), 1U);
  EXPECT_EQ(only_file(folder_.path()).filename(), shard_name(key()));
  EXPECT_THAT(fetched_by_start(folder_.path(), matrices_, 9), IsEmpty());
}

TEST_F(Unfinished, OfADamagedShardWhatIsLeftIsFetched) {
  fetched_by_start(folder_.path(), matrices_, 9);
  const fs::path path = only_file(folder_.path());
  std::string bytes = read_file(path);
  char& in_the_last = bytes[bytes.size() - 2 * shard_alignment];
  in_the_last = static_cast<char>(in_the_last ^ 1);
  write_file(path, bytes);
  std::vector<std::string> notices;
  EXPECT_THAT(fetched_by_start(folder_.path(), matrices_, 9, &notices),
              ElementsAre(matrices_.rbegin()->first));
  EXPECT_THAT(notices, ElementsAre(HasSubstr("is damaged")));
  EXPECT_THAT(fetched_by_start(folder_.path(), matrices_, 9), IsEmpty());
}

TEST_F(Unfinished, WhereItCannotBeKeptTheStartGoesOn) {
  const UnfinishedShard somebody(folder_.path(), key());
  std::vector<std::string> notices;
  EXPECT_EQ(fetched_by_start(folder_.path(), matrices_, 9, &notices).size(), 3U);
  EXPECT_THAT(notices, ElementsAre(HasSubstr("will have to begin anew")));
}

}  // namespace
}  // namespace yoke::shards
