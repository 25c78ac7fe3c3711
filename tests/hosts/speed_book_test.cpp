#include "hosts/speed_book.h"

#include <gtest/gtest.h>

#include "common/scratch.h"

namespace yoke::hosts {
namespace {

KnownSpeed speed(const std::string& host, double rate) {
  return {{host, "AMD EPYC", "avx2", "Q4_0", 4, 4}, rate, 1'790'000'000};
}

TEST(SpeedBook, FindsWhatItWasToldLast) {
  const ScratchFolder scratch;
  const SpeedBook book(scratch.path() / "new" / "speeds.json");
  EXPECT_EQ(book.find(speed("a", 1).key), std::nullopt);
  book.remember(speed("a", 1e9));
  book.remember(speed("b", 2e9));
  book.remember(speed("a", 3e9));
  const auto found = SpeedBook(scratch.path() / "new" / "speeds.json").find(speed("a", 0).key);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes_per_second, 3e9);
  EXPECT_EQ(found->measured, 1'790'000'000U);
  SpeedKey other = speed("a", 0).key;
  other.threads = 2;
  EXPECT_EQ(book.find(other), std::nullopt);
}

TEST(SpeedBook, KeepsTheNewestOfManyOnly) {
  const ScratchFolder scratch;
  const SpeedBook book(scratch.path() / "speeds.json");
  for (std::size_t i = 0; i <= SpeedBook::most_speeds; ++i) book.remember(speed(std::to_string(i), 1));
  EXPECT_EQ(book.find(speed("0", 0).key), std::nullopt);
  EXPECT_TRUE(book.find(speed("1", 0).key));
}

TEST(SpeedBook, TakesWhatIsDamagedForEmptyAndReplacesIt) {
  const ScratchFolder scratch;
  const auto path = scratch.path() / "speeds.json";
  const SpeedBook book(path);
  book.remember(speed("a", 1e9));
  const std::string sound = read_file(path);
  for (const std::string& damaged :
       {std::string(), std::string("[]"), std::string("{\"version\":2}"), sound.substr(0, sound.size() / 2),
        std::string("{\"version\":1,\"speeds\":[1]}"), std::string(2 << 20, ' ')}) {
    write_file(path, damaged);
    EXPECT_EQ(book.find(speed("a", 0).key), std::nullopt) << damaged.substr(0, 80);
    book.remember(speed("a", 2e9));
    EXPECT_TRUE(book.find(speed("a", 0).key)) << damaged.substr(0, 80);
  }
}

TEST(SpeedBook, DoesWithoutAFile) {
  const SpeedBook nowhere{std::filesystem::path()}, hopeless{"/proc/none/speeds.json"};
  nowhere.remember(speed("a", 1));
  hopeless.remember(speed("a", 1));
  EXPECT_EQ(nowhere.find(speed("a", 0).key), std::nullopt);
  EXPECT_EQ(hopeless.find(speed("a", 0).key), std::nullopt);
}

TEST(SpeedFile, LiesInTheCacheFolder) {
  EXPECT_EQ(speed_file({{"XDG_CACHE_HOME", "/c"}, {"HOME", "/h"}}), "/c/yoke/speeds.json");
  EXPECT_EQ(speed_file({{"XDG_CACHE_HOME", "c"}, {"HOME", "/h"}}), "/h/.cache/yoke/speeds.json");
  EXPECT_EQ(speed_file({}), "");
}

}  // namespace
}  // namespace yoke::hosts
