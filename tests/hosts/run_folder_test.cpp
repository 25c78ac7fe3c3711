#include "hosts/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/error_of.h"
#include "common/scratch.h"

namespace yoke::hosts {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A run of a name that nobody else has.
class RunFolder : public testing::Test {
 protected:
  ~RunFolder() override {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  const std::string name = make_run_name();
  const std::string key = make_key();
  const fs::path path = run_folder(name);
};

TEST_F(RunFolder, HoldsTheKeyForThisUserAlone) {
  EXPECT_EQ(make_run_folder(name, key), path);
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(path / "key").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(read_file(path / "key"), key + "\n");
  EXPECT_EQ(read_key(path / "key"), key);
}

TEST_F(RunFolder, IsMadeOnceAndUsedAgainWithTheSameKey) {
  make_run_folder(name, key);
  EXPECT_EQ(make_run_folder(name, key), path);
  EXPECT_THAT(error_of([&] { make_run_folder(name, make_key()); }),
              HasSubstr("holds the key of another run"));
}

TEST_F(RunFolder, GoesWithAllThatIsInIt) {
  make_run_folder(name, key);
  write_file(path / "more", "x");
  remove_run_folder(name);
  EXPECT_FALSE(fs::exists(path));
  remove_run_folder(name);
}

TEST_F(RunFolder, OfOthersIsRefused) {
  fs::create_directory(path);
  fs::permissions(path, fs::perms::all);
  EXPECT_THAT(error_of([&] { make_run_folder(name, key); }), HasSubstr("is not this user's alone"));
  EXPECT_FALSE(fs::exists(path / "key"));
}

TEST_F(RunFolder, IsNoLink) {
  const ScratchFolder elsewhere;
  fs::permissions(elsewhere.path(), fs::perms::owner_all);
  fs::create_directory_symlink(elsewhere.path(), path);
  EXPECT_THAT(error_of([&] { make_run_folder(name, key); }), HasSubstr("cannot be opened as a folder"));
  remove_run_folder(name);
  EXPECT_TRUE(fs::exists(elsewhere.path()));
  fs::remove(path);
  fs::create_directory(path);
  fs::permissions(path, fs::perms::owner_all);
  fs::create_symlink(elsewhere / "stolen", path / "key");
  EXPECT_THAT(error_of([&] { make_run_folder(name, key); }), HasSubstr("cannot be read"));
  EXPECT_TRUE(elsewhere.empty());
}

TEST_F(RunFolder, HasAHexadecimalNameAndKey) {
  for (const char* bad : {"", "../x", "ABC", "a/b", "g"})
    EXPECT_THAT(error_of([&] { run_folder(bad); }), HasSubstr("is no name of a run")) << bad;
  for (const std::string& bad :
       {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'x')})
    EXPECT_THAT(error_of([&] { make_run_folder(name, bad); }), HasSubstr("64 hexadecimal digits"));
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(RunFolder, WithAKeyThatOthersCanReadIsNotUsed) {
  make_run_folder(name, key);
  ::chmod((path / "key").c_str(), 0644);
  EXPECT_THAT(error_of([&] { read_key(path / "key"); }), HasSubstr("is not this user's alone"));
  ::chmod((path / "key").c_str(), 0600);
  write_file(path / "key", "short\n");
  EXPECT_THAT(error_of([&] { read_key(path / "key"); }), HasSubstr("holds no key"));
}

}  // namespace
}  // namespace yoke::hosts
