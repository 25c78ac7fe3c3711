#include "cli/read_text.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"

namespace yoke::cli {
namespace {

std::string refusal(const std::string& path) {
  try {
    read_text(path, 100'000);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ReadText, GivesEveryByteOfAFile) {
  const std::filesystem::path path = testing::TempDir() + "yoke-read-text";
  std::string text;
  for (int i = 0; i < 200'000; ++i) text.push_back(static_cast<char>(i * 7));
  std::ofstream(path, std::ios::binary) << text;
  EXPECT_TRUE(read_text(path) == text);
  std::ofstream(path, std::ios::binary | std::ios::trunc);
  EXPECT_EQ(read_text(path), "");
  std::filesystem::remove(path);
}

TEST(ReadText, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(refusal("/nonexistent/text"), "/nonexistent/text: No such file or directory");
  EXPECT_EQ(refusal("/proc"), "/proc: Is a directory");
}

TEST(ReadText, DoesNotReadForEver) {
  EXPECT_EQ(refusal("/dev/zero"),
            "/dev/zero: has more than 100000 bytes, which is the most that can be taken at once");
}

}  // namespace
}  // namespace yoke::cli
