#include "hosts/abandoned_runs.h"

#include <gtest/gtest.h>

#include <optional>

#include "common/scratch.h"
#include "hosts/run_folder.h"
#include "system/child_process.h"

namespace yoke::hosts {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t long_ago = 3 * longest_start.count() + 1;

FolderOrigin aged(std::int64_t seconds) {
  FolderOrigin origin = read_origin();
  origin.seconds -= seconds;
  return origin;
}

/// A folder as make_run_folder() makes it, in a place of the test's own.
class AbandonedRuns : public testing::Test {
 protected:
  fs::path add(const FolderOrigin& made, const std::string& name = make_run_name()) {
    const fs::path folder = scratch.path() / run_folder(name).filename();
    fs::create_directory(folder);
    fs::permissions(folder, fs::perms::owner_all);
    write_file(folder / "key", make_key() + "\n");
    write_file(folder / "made", write_origin(made));
    fs::create_directory(folder / "ompi.node1.0");
    return folder;
  }
  const ScratchFolder scratch;
};

TEST_F(AbandonedRuns, GoWithAllThatIsInThem) {
  const fs::path folder = add(aged(long_ago));
  remove_abandoned_runs(scratch.path());
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(AbandonedRuns, AreNoneAsLongAsAStartMayTake) {
  const fs::path folder = add(aged(2 * longest_start.count()));
  remove_abandoned_runs(scratch.path());
  EXPECT_TRUE(fs::exists(folder / "key"));
}

TEST_F(AbandonedRuns, AreNoneWhereAProcessOfTheRunLives) {
  const std::string name = make_run_name();
  const fs::path folder = add(aged(long_ago), name);
  {
    // What follows -c and the script is the name of the shell and its words.
    const system::ChildProcess rank(
        {"/bin/sh", "-c", "read line", "engine", run_folder(name).native() + "/key"},
        system::current_environment(), {.input = true});
    remove_abandoned_runs(scratch.path());
    EXPECT_TRUE(fs::exists(folder / "key"));
  }
  remove_abandoned_runs(scratch.path());
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(AbandonedRuns, OfThisMachineBeforeItWasStartedAnewGoAtOnce) {
  FolderOrigin before = aged(0);
  before.boot_id = "another";
  EXPECT_TRUE(is_abandoned(before, read_origin()));
}

TEST_F(AbandonedRuns, OfOthersAreLeftAlone) {
  FolderOrigin machine = aged(long_ago), container = machine;
  machine.host += "-other";
  machine.boot_id = "another";
  ++container.pid_namespace;
  EXPECT_FALSE(is_abandoned(machine, read_origin()));
  EXPECT_FALSE(is_abandoned(container, read_origin()));
}

TEST_F(AbandonedRuns, AreOnlyWhatSaysWhenItWasMade) {
  const fs::path silent = add(aged(long_ago)), garbled = add(aged(long_ago)), open = add(aged(long_ago));
  const fs::path other = scratch.path() / "yoke-e2e";
  fs::remove(silent / "made");
  write_file(garbled / "made", "node1 boot 1 long ago\n");
  fs::permissions(open, fs::perms::all);
  fs::create_directory(other);
  fs::permissions(other, fs::perms::owner_all);
  write_file(other / "made", write_origin(aged(long_ago)));
  remove_abandoned_runs(scratch.path());
  for (const fs::path& folder : {silent, garbled, open, other}) EXPECT_TRUE(fs::exists(folder)) << folder;
}

TEST(FolderOrigin, IsReadAsItWasWritten) {
  const FolderOrigin origin{"node1", "0f2c", 4026531836, 12};
  const auto read = parse_origin(write_origin(origin));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(write_origin(*read), write_origin(origin));
  for (const char* bad : {"", "node1", "node1 0f2c 1", "node1 0f2c 1 2 3", "node1 0f2c x 2"})
    EXPECT_FALSE(parse_origin(bad)) << bad;
}

}  // namespace
}  // namespace yoke::hosts
