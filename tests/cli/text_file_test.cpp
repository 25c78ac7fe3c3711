#include "cli/text_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "common/error_of.h"

namespace yoke::cli {
namespace {

class TextFile : public testing::Test {
 protected:
  std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) /
      (std::string("text_file.") + testing::UnitTest::GetInstance()->current_test_info()->name());
  ~TextFile() override { std::filesystem::remove_all(path); }

  void write(const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
};

TEST_F(TextFile, IsReadToItsLastByte) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text.push_back(static_cast<char>(i * 7));
  write(text);
  EXPECT_TRUE(read_text(path) == text);
  write("");
  EXPECT_EQ(read_text(path), "");
}

TEST_F(TextFile, ThatCannotBeReadIsNamedWithTheReason) {
  EXPECT_EQ(error_of([] { read_text("/nonexistent/text"); }),
            "/nonexistent/text: cannot be opened: No such file or directory");
  std::filesystem::create_directory(path);
  EXPECT_EQ(error_of([&] { read_text(path); }), path.string() + ": cannot be read: Is a directory");
}

TEST_F(TextFile, WithoutEndIsNotReadForEver) {
  EXPECT_EQ(error_of([] { read_text("/dev/zero", 1); }),
            "/dev/zero: is larger than 1 MiB, which is the most that is taken at once");
}

TEST_F(TextFile, ThatIsNotUtf8IsRefusedWithThePlace) {
  require_utf8("\xE6\x97\xA5 \xF0\x9F\x90\x82", "here");
  EXPECT_EQ(error_of([] { require_utf8("ab\xFFgh", "here"); }),
            "here: is not UTF-8: byte 3 of 5 begins no character");
  EXPECT_EQ(error_of([] { require_utf8("ab\xE2\x80", "here"); }),
            "here: is not UTF-8: byte 3 of 4 begins no character");
}

}  // namespace
}  // namespace yoke::cli
