#include "terminal/text_printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "base/error.h"

namespace yoke::terminal {
namespace {

class Printed : public testing::Test {
 protected:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), &std::fclose};

  std::string text() const {
    std::array<char, 256> buffer{};
    std::rewind(file.get());
    return {buffer.data(), std::fread(buffer.data(), 1, buffer.size(), file.get())};
  }
};

TEST_F(Printed, IsThePromptTheTextAndOneNewline) {
  {
    TextPrinter printer(file.get(), "The state");
    printer.print(" of");
    printer.print("");
    printer.print(" things");
    printer.end();
  }
  EXPECT_EQ(text(), "The state of things\n");
}

TEST_F(Printed, IsNothingBeforeTheEngineHasAcceptedThePrompt) {
  { const TextPrinter printer(file.get(), "The state"); }
  EXPECT_EQ(text(), "");
}

TEST_F(Printed, IsThePromptAloneWhereTheModelHadNothingToAdd) {
  TextPrinter printer(file.get(), "The state");
  printer.end();
  EXPECT_EQ(text(), "The state\n");
}

TEST_F(Printed, IsNothingWhereThereIsNoTextAtAll) {
  TextPrinter printer(file.get(), "");
  printer.print("");
  printer.end();
  EXPECT_EQ(text(), "");
}

TEST_F(Printed, EndsItsLineWhenTheEngineFails) {
  try {
    TextPrinter printer(file.get(), "The state");
    printer.print(" of");
    throw Error("rank 2 was lost");
  } catch (const Error&) {
    EXPECT_EQ(text(), "The state of\n");
  }
}

TEST(TextPrinter, SaysWhyItCannotPrint) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> full(std::fopen("/dev/full", "w"), &std::fclose);
  TextPrinter printer(full.get(), "The state");
  try {
    printer.print(" of");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the text cannot be written: No space left on device");
  }
}

}  // namespace
}  // namespace yoke::terminal
