#include "terminal/section_printer.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::terminal {
namespace {

using session::Piece;
using session::Section;

/// A stream into memory.
class Memory {
 public:
  Memory() : stream_(open_memstream(&data_, &size_)) {}
  ~Memory() {
    std::fclose(stream_);
    std::free(data_);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  std::FILE* stream() { return stream_; }
  std::string text() {
    std::fflush(stream_);
    return {data_, size_};
  }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* stream_;
};

std::string print(const std::vector<Piece>& pieces, bool terminal) {
  Memory memory;
  SectionPrinter printer(memory.stream(), terminal);
  for (const Piece& piece : pieces) printer.print(piece);
  printer.end();
  return memory.text();
}

const std::vector<Piece> thought = {{Section::reasoning, "Hm", true},
                                    {Section::reasoning, ".", false},
                                    {Section::content, "Yes", true},
                                    {Section::content, ".", false}};

TEST(SectionPrinter, PrintsContentAloneAsItIs) {
  const std::vector<Piece> pieces = {{Section::content, "\nHi", true}, {Section::content, ".", false}};
  EXPECT_EQ(print(pieces, false), "\nHi.\n");
  EXPECT_EQ(print(pieces, true), "\nHi.\n");
}

TEST(SectionPrinter, DimsReasoningOnATerminal) {
  EXPECT_EQ(print(thought, true), "\033[2mHm.\033[0m\n\nYes.\n");
}

TEST(SectionPrinter, SaysWhatFollowsElsewhere) {
  EXPECT_EQ(print(thought, false), "--- reasoning\nHm.\n--- answer\nYes.\n");
}

TEST(SectionPrinter, TellsToolCallsApart) {
  const std::vector<Piece> pieces = {{Section::content, "I look.\n", true},
                                     {Section::tool_call, "f", true},
                                     {Section::tool_call, "g", true}};
  EXPECT_EQ(print(pieces, false), "I look.\n--- tool call\nf\n--- tool call\ng\n");
  EXPECT_EQ(print(pieces, true), "I look.\n--- tool call\nf\n--- tool call\ng\n");
}

TEST(SectionPrinter, LeavesNoTerminalDim) {
  Memory memory;
  { SectionPrinter(memory.stream(), true).print({Section::reasoning, "Hm", true}); }
  EXPECT_EQ(memory.text(), "\033[2mHm\033[0m\n");
}

}  // namespace
}  // namespace yoke::terminal
