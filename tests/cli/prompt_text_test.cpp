#include "cli/prompt_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "common/error_of.h"
#include "common/scratch.h"

namespace yoke::cli {
namespace {

class PromptText : public testing::Test {
 protected:
  std::string file(const std::string& bytes) const { return folder.write("prompt.txt", bytes); }
  static std::string complaint(const std::string& path) {
    return error_of([&] { read_prompt(path); });
  }

  ScratchFolder folder;
};

TEST_F(PromptText, IsTheFileWithoutItsLastLineBreak) {
  EXPECT_EQ(read_prompt(file("The state\nof the Union")), "The state\nof the Union");
  EXPECT_EQ(read_prompt(file("The state\n")), "The state");
  EXPECT_EQ(read_prompt(file("The state\r\n")), "The state");
  EXPECT_EQ(read_prompt(file("The state\n\n")), "The state\n");
  EXPECT_EQ(read_prompt(file("Ünïon 日本 🐂 \n")), "Ünïon 日本 🐂 ");
  EXPECT_EQ(read_prompt(file("")), "");
}

TEST_F(PromptText, ThatCannotBeTakenIsNamedWithTheReason) {
  EXPECT_EQ(complaint("/nonexistent/prompt.txt"),
            "/nonexistent/prompt.txt: cannot be opened: No such file or directory");
  EXPECT_EQ(complaint("/dev/zero"),
            "/dev/zero: is larger than 64 MiB, which is the most that is taken at once");
  const std::string path = file("ab\xE2\x80");
  EXPECT_EQ(complaint(path), path + ": is not UTF-8: byte 3 of 4 begins no character");
}

}  // namespace
}  // namespace yoke::cli
