#include "base/output_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"

namespace yoke {
namespace {

namespace fs = std::filesystem;
using Growing = OutputFile::Growing;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <class Action>
std::string sentence_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

/// Both ways for the file to grow; the first is the second where the file system makes no nameless files.
class OutputFiles : public testing::TestWithParam<Growing> {
 protected:
  OutputFiles() {
    std::string pattern = testing::TempDir() + "yoke_output_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
    folder = pattern;
  }
  ~OutputFiles() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  void put(const std::string& name, std::string_view text) const { std::ofstream(folder / name) << text; }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder))
      found.push_back(entry.path().filename().string());
    return found;
  }
  bool makes_nameless_files() const {
    return static_cast<bool>(FileDescriptor(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666)));
  }
  static void write(const fs::path& path, std::string_view text) {
    OutputFile file(path, GetParam());
    file.append(bytes(text));
    file.commit();
  }

  fs::path folder;
};

TEST_P(OutputFiles, HasItsNameAlsoWhereTheSystemMayWriteItLater) {
  put("x", "old");
  OutputFile file(folder / "x", GetParam());
  file.append(bytes("new"));
  file.commit(OutputFile::Durability::in_system);
  EXPECT_EQ(contents(folder / "x"), "new");
  EXPECT_THAT(names(), ElementsAre("x"));
}

TEST_P(OutputFiles, HasItsNameOnlyOnceItIsComplete) {
  put("x", "old");
  {
    OutputFile file(folder / "x", GetParam());
    file.append(bytes("new"));
    EXPECT_EQ(contents(folder / "x"), "old");
    const bool is_named = GetParam() == Growing::named || !makes_nameless_files();
    EXPECT_EQ(names().size(), is_named ? 2u : 1u);
    file.append(bytes(" and whole"));
    file.commit();
  }
  EXPECT_EQ(contents(folder / "x"), "new and whole");
  EXPECT_THAT(names(), ElementsAre("x"));
}

TEST_P(OutputFiles, HolesAreZerosThatTakeNoRoomOnTheDisk) {
  constexpr std::uint64_t hole = std::uint64_t{6} << 30;
  OutputFile file(folder / "sparse", GetParam());
  file.append(bytes("before"));
  file.append_hole(hole);
  file.append(bytes("after"));
  file.append_hole(3);
  file.commit();
  ASSERT_EQ(fs::file_size(folder / "sparse"), 6 + hole + 5 + 3);
  struct stat status {};
  ASSERT_EQ(::stat((folder / "sparse").c_str(), &status), 0);
  EXPECT_LT(static_cast<std::uint64_t>(status.st_blocks) * 512, 1u << 20);
  std::ifstream in(folder / "sparse", std::ios::binary);
  std::string end(9, '?');
  in.seekg(static_cast<std::streamoff>(6 + hole - 1)).read(end.data(), 9);
  EXPECT_EQ(end, std::string("\0after\0\0\0", 9));
}

TEST_P(OutputFiles, LeaveNothingOfAKilledProcessWhereFilesNeedNoName) {
  if (GetParam() == Growing::named) GTEST_SKIP() << "a named file stays";
  if (!makes_nameless_files()) GTEST_SKIP() << "the file system makes no nameless files";
  const pid_t child = ::fork();
  if (child == 0) {
    OutputFile file(folder / "x", GetParam());
    file.append(bytes("new"));
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_P(OutputFiles, GoIntoTheCurrentFolderWhereTheNameHasNone) {
  const fs::path before = fs::current_path();
  fs::current_path(folder);
  EXPECT_EQ(sentence_of([] { write("x", "new"); }), "(nothing was thrown)");
  fs::current_path(before);
  EXPECT_EQ(contents(folder / "x"), "new");
}

TEST_P(OutputFiles, AreAsProtectedAsAnyNewFile) {
  put("other", "made by another way");
  write(folder / "x", "new");
  EXPECT_EQ(fs::status(folder / "x").permissions(), fs::status(folder / "other").permissions());
}

TEST_P(OutputFiles, ThatIsGivenUpLeavesEverythingAsItWas) {
  put("x", "old");
  OutputFile(folder / "x", GetParam()).append(bytes("new"));
  OutputFile(folder / "y", GetParam()).append(bytes("new"));
  EXPECT_EQ(contents(folder / "x"), "old");
  EXPECT_THAT(names(), ElementsAre("x"));
}

TEST_P(OutputFiles, TakesNoNameThatIsSomebodyElses) {
  const std::string taken = fmt::format("x.part-{}-0", ::getpid());
  put("x.part", "mine");
  put(taken, "mine too");
  OutputFile first(folder / "x", GetParam());
  OutputFile second(folder / "x", GetParam());
  first.append(bytes("first"));
  second.append(bytes("second"));
  first.commit();
  EXPECT_EQ(contents(folder / "x"), "first");
  second.commit();
  EXPECT_EQ(contents(folder / "x"), "second");
  EXPECT_EQ(contents(folder / "x.part"), "mine");
  EXPECT_EQ(contents(folder / taken), "mine too");
  EXPECT_THAT(names(), UnorderedElementsAre("x", "x.part", taken));
}

TEST_P(OutputFiles, LeavesASymbolicLinkAndWritesTheFileItNames) {
  fs::create_directory(folder / "there");
  put("there/x", "old");
  fs::create_symlink("there/x", folder / "link");
  fs::create_symlink(folder / "link", folder / "link to a link");
  write(folder / "link to a link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_TRUE(fs::is_symlink(folder / "link to a link"));
  EXPECT_FALSE(fs::is_symlink(folder / "there/x"));
  EXPECT_EQ(contents(folder / "there/x"), "new");
}

TEST_P(OutputFiles, MakesTheFileThatADanglingLinkNames) {
  fs::create_symlink("not yet", folder / "link");
  write(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(contents(folder / "not yet"), "new");
}

TEST_P(OutputFiles, FeedANamedPipeDirectly) {
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::future<std::string> reader =
      std::async(std::launch::async, [this] { return contents(folder / "pipe"); });
  write(folder / "pipe", "through the pipe");
  EXPECT_EQ(reader.get(), "through the pipe");
  EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
  EXPECT_THAT(names(), ElementsAre("pipe"));
}

TEST_P(OutputFiles, LeaveADeviceADevice) {
  fs::create_symlink("/dev/null", folder / "nothing");
  write(folder / "nothing", "for nobody");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_TRUE(fs::is_symlink(folder / "nothing"));
  EXPECT_EQ(sentence_of([] { write("/dev/full", "for nobody"); }),
            "/dev/full: cannot be written: No space left on device");
}

TEST_P(OutputFiles, KeepTheModeOfTheFileTheyReplace) {
  put("secret", "old");
  fs::permissions(folder / "secret", fs::perms::owner_read | fs::perms::owner_write);
  write(folder / "secret", "new");
  EXPECT_EQ(fs::status(folder / "secret").permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_P(OutputFiles, SayWhyTheyCannotBeMade) {
  const auto refusal = [](const fs::path& path) {
    return sentence_of([&] { OutputFile file(path, GetParam()); });
  };
  EXPECT_EQ(refusal(folder / "none/x"),
            (folder / "none/x").string() + ": a file beside it cannot be created: No such file or directory");
  EXPECT_EQ(refusal(folder), folder.string() + ": is a directory, expected a file to write");
  EXPECT_EQ(refusal(""), "'' names no file to write");
  EXPECT_EQ(refusal("nowhere/"), "'nowhere/' names no file to write");
  fs::create_symlink("circle", folder / "circle");
  EXPECT_THAT(refusal(folder / "circle"), HasSubstr("circle of symbolic links"));
}

TEST_P(OutputFiles, RespectProtection) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  put("kept", "old");
  fs::permissions(folder / "kept", fs::perms::owner_read);
  EXPECT_THAT(sentence_of([&] { write(folder / "kept", "new"); }),
              HasSubstr("kept: cannot be written: Permission denied"));
  fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(sentence_of([&] { write(folder / "x", "new"); }),
              HasSubstr("x: a file beside it cannot be created: Permission denied"));
  fs::permissions(folder, fs::perms::owner_all);
  EXPECT_EQ(contents(folder / "kept"), "old");
}

INSTANTIATE_TEST_SUITE_P(Growing, OutputFiles, testing::Values(Growing::nameless_if_possible, Growing::named),
                         [](const auto& tested) {
                           return tested.param == Growing::named ? "named" : "nameless";
                         });

}  // namespace
}  // namespace yoke
