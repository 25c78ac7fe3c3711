#include "rates/disk_rate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/error.h"

namespace yoke::rates {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

/// A new folder in the build's, which lies on a disk if anything does; removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::current_path() / "disk_rate_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw Error("no folder for the test");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file(std::size_t bytes) const {
    std::ofstream(path_ / "file") << std::string(bytes, 'x');
    return path_ / "file";
  }

 private:
  std::filesystem::path path_;
};

std::string refusal(const std::filesystem::path& path) {
  try {
    measure_disk(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool lies_in_memory(const std::filesystem::path& path) {
  return refusal(path).find("lies in memory") != std::string::npos;
}

TEST(MeasureDisk, ReadsAFileToItsEnd) {
  const Folder folder;
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{5'000'001}, std::size_t{40'000'000}}) {
    const std::filesystem::path file = folder.file(bytes);
    if (lies_in_memory(file)) GTEST_SKIP() << "the build lies in memory";
    const DiskRate rate = measure_disk(file);
    EXPECT_LE(rate.bytes, bytes);
    EXPECT_TRUE(rate.bytes == bytes || rate.seconds > 1)
        << rate.bytes << " bytes in " << rate.seconds << " s";
    EXPECT_GT(rate.seconds, 0);
    EXPECT_DOUBLE_EQ(rate.bytes_per_second(), static_cast<double>(rate.bytes) / rate.seconds);
  }
}

TEST(MeasureDisk, LeavesNothingInAFolder) {
  const Folder folder;
  if (lies_in_memory(folder.path())) GTEST_SKIP() << "the build lies in memory";
  EXPECT_GT(measure_disk(folder.path()).bytes, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(MeasureDisk, RefusesWhatItCannotRead) {
  EXPECT_EQ(refusal("/nonexistent/file"), "/nonexistent/file: cannot be opened: No such file or directory");
  EXPECT_EQ(refusal("/dev/null"), "/dev/null: is neither a file nor a folder");
  EXPECT_THAT(refusal("/proc"), HasSubstr("/proc: a nameless file to read cannot be made there: "));
  const Folder folder;
  const std::string empty = folder.file(0).string();
  EXPECT_EQ(refusal(empty), empty + ": is empty, expected a file to read");
}

TEST(MeasureDisk, RefusesWhatIsKeptInMemory) {
  if (!std::filesystem::is_directory("/dev/shm")) GTEST_SKIP() << "there is no /dev/shm";
  EXPECT_THAT(refusal("/dev/shm"), AnyOf("/dev/shm: lies in memory (tmpfs), expected a path on a disk",
                                         HasSubstr("cannot be made there: ")));
}

TEST(MeasureDisk, DoesNotWaitForTheWriterOfAPipe) {
  const Folder folder;
  const std::filesystem::path pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(refusal(pipe), pipe.string() + ": is neither a file nor a folder");
}

}  // namespace
}  // namespace yoke::rates
