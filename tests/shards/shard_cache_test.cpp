#include "shards/shard_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/error_of.h"
#include "common/scratch.h"
#include "shards/shard_folder.h"

namespace yoke::shards {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t bound = 100'000'000;

ShardKey key(int rank = 0, int ranks = 1) { return {1, "/models/m.gguf", 7, {{1000, 5}}, rank, ranks}; }

/// Of less than a piece, of whole ones, and of some and a rest.
std::map<std::string, std::vector<std::byte>> random_matrices(unsigned seed) {
  std::map<std::string, std::vector<std::byte>> matrices;
  std::mt19937 random(seed);
  for (const std::size_t bytes : {std::size_t{576}, 2 * shard_piece_bytes, 3 * shard_piece_bytes + 1000}) {
    std::vector<std::byte>& matrix = matrices["w" + std::to_string(bytes)];
    matrix.resize(bytes);
    for (std::byte& byte : matrix) byte = static_cast<std::byte>(random());
  }
  return matrices;
}

const auto ignore = [](std::uint64_t, std::uint64_t) {};

/// What one start found.
struct Start {
  int filled = 0;  // matrices
  std::uint64_t counted = 0;
  std::uint64_t written = 0;
  std::vector<std::string> notices;
  bool right = true;  // all that was filled
};

/// Loads the matrices as a rank does, and keeps what the cache does not have.
Start start(const fs::path& folder, const std::map<std::string, std::vector<std::byte>>& matrices,
            const ShardKey& of = key(), std::uint64_t most = bound) {
  ThreadPool pool(3);
  ShardCache cache(folder, most, of, pool);
  Start found;
  std::atomic<std::uint64_t> counted = 0;
  std::map<std::string, std::vector<std::byte>> loaded;  // in place until all is written
  for (const auto& [name, bytes] : matrices) {
    std::vector<std::byte>& to = loaded[name];
    to.resize(bytes.size());
    if (cache.fill(name, to, [&](std::uint64_t n) { counted += n; })) {
      ++found.filled;
      found.right = found.right && to == bytes;
    } else {
      to = bytes;
      cache.keep(name, to);
    }
  }
  cache.write(ignore);
  found.counted = counted;
  found.written = cache.bytes_written();
  found.notices = cache.notices();
  return found;
}

fs::path shard_in(const ScratchFolder& folder) { return folder / shard_name(key()); }

/// Changes the byte at `offset`, from the end where that is negative.
void flip(const fs::path& path, std::int64_t offset) {
  std::string bytes = read_file(path);
  bytes[static_cast<std::size_t>(offset < 0 ? std::ssize(bytes) + offset : offset)] ^= 1;
  write_file(path, bytes);
}

class ShardCaches : public testing::Test {
 protected:
  const ScratchFolder folder;
  const std::map<std::string, std::vector<std::byte>> matrices = random_matrices(1);

  /// The next start packs some of it again and tells why, the one after that finds all.
  void expect_rewritten(const std::string& why) {
    const Start next = start(folder.path(), matrices);
    EXPECT_TRUE(next.right);
    EXPECT_THAT(next.notices, ElementsAre(HasSubstr(why)));
    EXPECT_THAT(next.notices, ElementsAre(HasSubstr(shard_in(folder).string())));
    EXPECT_GT(next.written, 0u);
    const Start last = start(folder.path(), matrices);
    EXPECT_EQ(last.filled, 3);
    EXPECT_THAT(last.notices, IsEmpty());
  }
};

TEST_F(ShardCaches, GiveTheNextStartWhatTheFirstPacked) {
  const Start first = start(folder.path(), matrices);
  EXPECT_EQ(first.filled, 0);
  EXPECT_THAT(first.notices, IsEmpty());
  EXPECT_EQ(first.written, fs::file_size(shard_in(folder)));
  const Start second = start(folder.path(), matrices);
  EXPECT_EQ(second.filled, 3);
  EXPECT_TRUE(second.right);
  EXPECT_EQ(second.counted, 576 + 5 * shard_piece_bytes + 1000);
  EXPECT_EQ(second.written, 0u);
  EXPECT_THAT(second.notices, IsEmpty());
}

TEST_F(ShardCaches, MakeTheirFolder) {
  start(folder / "some/where", matrices);
  EXPECT_EQ(start(folder / "some/where", matrices).filled, 3);
}

TEST_F(ShardCaches, FindEachDamageAndRepairIt) {
  for (const std::int64_t at : {std::int64_t{0}, std::int64_t{9}, std::int64_t{13}, std::int64_t{21},
                                std::int64_t{60}, std::int64_t{-1}, std::int64_t{-300'000}}) {
    SCOPED_TRACE(at);
    start(folder.path(), matrices);
    flip(shard_in(folder), at);
    expect_rewritten("the weights are packed again");
  }
}

TEST_F(ShardCaches, NameTheMatrixThatIsDamaged) {
  start(folder.path(), matrices);
  flip(shard_in(folder), -1);
  const Start next = start(folder.path(), matrices);
  const std::string last = matrices.rbegin()->first;
  EXPECT_THAT(next.notices, ElementsAre(HasSubstr("'" + last + "' is damaged")));
  EXPECT_EQ(next.filled, 2);
}

TEST_F(ShardCaches, FindAFileThatIsCut) {
  start(folder.path(), matrices);
  for (const std::uintmax_t bytes :
       {fs::file_size(shard_in(folder)) - 1, std::uintmax_t{4096}, std::uintmax_t{27}, std::uintmax_t{0}}) {
    SCOPED_TRACE(bytes);
    fs::resize_file(shard_in(folder), bytes);
    expect_rewritten("packed again");
  }
}

TEST_F(ShardCaches, OfAnotherModelOrLayoutAreNotUsed) {
  ShardKey written = key(), packed = key();
  written.files[0].written = 6;
  packed.layout = 2;
  for (const ShardKey& other : {written, packed}) {
    ASSERT_EQ(shard_name(other), shard_name(key()));
    fs::remove(shard_in(folder));
    start(folder.path(), random_matrices(2), other);
    expect_rewritten(shard_difference(other, key()));
  }
}

TEST_F(ShardCaches, OfAnotherPartitionAreNotUsed) {
  auto others = matrices;
  auto part = others.extract("w576");
  part.key() = "w577";
  others.insert(std::move(part));
  start(folder.path(), others);
  expect_rewritten("has no 'w576' of 576 bytes");
}

TEST_F(ShardCaches, WithAMatrixOfAnotherSizeAreNotUsed) {
  auto others = matrices;
  others["w576"].resize(600);
  start(folder.path(), others);
  expect_rewritten("has no 'w576' of 576 bytes");
}

TEST_F(ShardCaches, WithMoreThanIsLoadedAreReplaced) {
  auto more = matrices;
  more["x"].resize(100);
  start(folder.path(), more);
  EXPECT_GT(start(folder.path(), matrices).written, 0u);
  EXPECT_EQ(start(folder.path(), matrices).written, 0u);
}

TEST_F(ShardCaches, RenamedToAnotherRankAreNotUsed) {
  start(folder.path(), matrices, key(1, 2));
  fs::rename(folder / shard_name(key(1, 2)), shard_in(folder));
  expect_rewritten("was packed for rank 1 of 2");
}

TEST_F(ShardCaches, OfTwoRanksLieBesideEachOther) {
  const auto second = random_matrices(2);
  start(folder.path(), matrices, key(0, 2));
  start(folder.path(), second, key(1, 2));
  const Start again = start(folder.path(), matrices, key(0, 2)),
              other = start(folder.path(), second, key(1, 2));
  EXPECT_TRUE(again.filled == 3 && again.right && other.filled == 3 && other.right);
}

TEST_F(ShardCaches, LargerThanTheBoundAreNotWritten) {
  const Start first = start(folder.path(), matrices, key(), 1'000'000);
  EXPECT_EQ(first.written, 0u);
  EXPECT_THAT(first.notices, ElementsAre(HasSubstr("the bound of 1.00 MB has no room")));
  EXPECT_TRUE(folder.empty());
}

TEST_F(ShardCaches, AreNotTheStartsTroubleWhereTheyCannotBeWritten) {
  const fs::path file = folder.write("file", "no folder");
  const Start first = start(file, matrices);
  EXPECT_THAT(first.notices, ElementsAre(HasSubstr("are not kept")));
  EXPECT_EQ(first.written, 0u);
  fs::create_directories(shard_in(folder));
  EXPECT_THAT(start(folder.path(), matrices).notices,
              ElementsAre(HasSubstr("is a directory"), HasSubstr("are not kept")));
}

TEST_F(ShardCaches, EndWithTheLoadingAndLeaveNothing) {
  ThreadPool pool(2);
  ShardCache cache(folder.path(), bound, key(), pool);
  for (const auto& [name, bytes] : matrices) cache.keep(name, bytes);
  EXPECT_EQ(error_of([&] { cache.write([](std::uint64_t, std::uint64_t) { fail("a rank is lost"); }); }),
            "a rank is lost");
  EXPECT_TRUE(folder.empty());
}

TEST_F(ShardCaches, PassOnWhatEndsTheFilling) {
  start(folder.path(), matrices);
  ThreadPool pool(2);
  ShardCache cache(folder.path(), bound, key(), pool);
  std::vector<std::byte> to(2 * shard_piece_bytes);
  const std::string name = "w" + std::to_string(to.size());
  EXPECT_EQ(error_of([&] { cache.fill(name, to, [](std::uint64_t) { fail("a rank is lost"); }); }),
            "a rank is lost");
}

TEST_F(ShardCaches, OfManyWritersAtOnceAreWhole) {
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) writers.emplace_back([&] { start(folder.path(), matrices); });
  for (std::thread& writer : writers) writer.join();
  const Start next = start(folder.path(), matrices);
  EXPECT_EQ(next.filled, 3);
  EXPECT_TRUE(next.right);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST_F(ShardCaches, OfAWriterThatIsKilledAreNotThere) {
  int said[2];
  ASSERT_EQ(::pipe(said), 0);
  const pid_t child = ::fork();
  if (child == 0) {  // one thread, so that a fork is harmless
    ThreadPool pool(1);
    ShardCache cache(folder.path(), bound, key(), pool);
    for (const auto& [name, bytes] : matrices) cache.keep(name, bytes);
    cache.write([&](std::uint64_t, std::uint64_t) {
      [[maybe_unused]] const auto n = ::write(said[1], "x", 1);
      ::pause();
    });
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(said[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(fs::exists(shard_in(folder)));
  const Start next = start(folder.path(), matrices);
  EXPECT_THAT(next.notices, IsEmpty());
  EXPECT_GT(next.written, 0u);
}

TEST_F(ShardCaches, LeastRecentlyUsedGoFirst) {
  const std::uint64_t room = 2 * fs::file_size([&] {
                               start(folder.path(), matrices);
                               return shard_in(folder);
                             }()) +
                             1000;
  const auto of = [](const std::string& model) {
    ShardKey other = key();
    other.model = model;
    return other;
  };
  start(folder.path(), matrices, of("/b.gguf"), room);
  start(folder.path(), matrices, key(), room);  // is used once more
  start(folder.path(), matrices, of("/c.gguf"), room);
  EXPECT_TRUE(fs::exists(shard_in(folder)));
  EXPECT_FALSE(fs::exists(folder / shard_name(of("/b.gguf"))));
  EXPECT_TRUE(fs::exists(folder / shard_name(of("/c.gguf"))));
}

}  // namespace
}  // namespace yoke::shards
