#include "cli/text_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace yoke::cli {
namespace {

class ReadTextFile : public testing::Test {
 protected:
  std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) /
      (std::string("read_text_file.") + testing::UnitTest::GetInstance()->current_test_info()->name());
  ~ReadTextFile() override { std::filesystem::remove_all(path); }

  void write(const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
  static std::string error_of(const std::filesystem::path& file) {
    try {
      read_text_file(file);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(ReadTextFile, GivesEveryByte) {
  std::string text = "Call me Ishmael.\r\n\n\xE2\x80\x94 ";
  text.push_back('\0');
  for (int i = 0; i < 100'000; ++i) text += "whale ";
  write(text);
  EXPECT_EQ(read_text_file(path), text);
}

TEST_F(ReadTextFile, NamesAFileThatIsNotThereOrIsAFolder) {
  EXPECT_EQ(error_of("/nonexistent/text"), "/nonexistent/text: cannot be opened: No such file or directory");
  std::filesystem::create_directory(path);
  EXPECT_EQ(error_of(path), path.string() + ": cannot be read: Is a directory");
}

TEST_F(ReadTextFile, RefusesAnEmptyFile) {
  write("");
  EXPECT_EQ(error_of(path), path.string() + ": is empty, expected some text");
}

TEST_F(ReadTextFile, SaysWhereATextIsNotUtf8) {
  write("abc\xFFgh");
  EXPECT_EQ(error_of(path), path.string() + ": is not UTF-8: byte 3 begins no character");
  write("ab\xE2\x80");
  EXPECT_EQ(error_of(path), path.string() + ": is not UTF-8: byte 2 begins no character");
}

}  // namespace
}  // namespace yoke::cli
