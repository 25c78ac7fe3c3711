#include "system/run_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>

#include "base/error.h"

namespace yoke::system {
namespace {

namespace fs = std::filesystem;

void make_old(const fs::path& path) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
}

TEST(RunDirectory, IsPrivateAndGoesWithEverythingInIt) {
  fs::path path;
  {
    const RunDirectory directory;
    path = directory.path();
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    fs::create_directories(path / "a" / "b");
    std::ofstream(path / "a" / "file") << "x";
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(RunDirectory, RemovesWhatKilledRunsLeftButNothingElse) {
  const RunDirectory parent;
  const auto abandoned = parent.path() / "yoke-run-dead00";
  const auto young = parent.path() / "yoke-run-young0";
  const auto foreign = parent.path() / "other-dead00";
  for (const auto& path : {abandoned, young, foreign}) {
    fs::create_directory(path);
    std::ofstream(path / "lock");
  }
  const auto living = std::make_unique<RunDirectory>(parent.path());
  for (const auto& path : {abandoned, foreign, living->path()}) make_old(path);

  const RunDirectory next(parent.path());
  EXPECT_FALSE(fs::exists(abandoned));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_TRUE(fs::exists(foreign));
  EXPECT_TRUE(fs::exists(living->path()));
}

TEST(RunDirectory, SaysWhereItCannotBeMade) { EXPECT_THROW(RunDirectory("/nonexistent/place"), Error); }

}  // namespace
}  // namespace yoke::system
