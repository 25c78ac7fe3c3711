#include "system/json_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "common/scratch.h"

namespace yoke::system {
namespace {

void write(const std::filesystem::path& file, const std::string& text) { std::ofstream(file) << text; }

TEST(JsonFile, IsReadAsItWasWritten) {
  const ScratchFolder scratch;
  const auto file = scratch.path() / "some" / "folders" / "file.json";
  EXPECT_EQ(read_json_file(file), std::nullopt);
  write_json_file(file, {{"a", 1}});
  write_json_file(file, {{"b", "\xff"}});
  ASSERT_TRUE(read_json_file(file));
  EXPECT_TRUE(read_json_file(file)->contains("b"));
  EXPECT_FALSE(read_json_file(file)->contains("a"));
}

TEST(JsonFile, WhatIsNoneOrFarTooLongIsNotRead) {
  const ScratchFolder scratch;
  const auto file = scratch.path() / "file.json";
  for (const char* text : {"", "{", "{\"a\": }", "\xff\xfe"}) {
    write(file, text);
    EXPECT_EQ(read_json_file(file), std::nullopt) << text;
  }
  write(file, "[\"" + std::string(2 << 20, 'x') + "\"]");
  EXPECT_EQ(read_json_file(file), std::nullopt);
  EXPECT_EQ(read_json_file(scratch.path()), std::nullopt);  // a folder
}

TEST(JsonFile, WhereItCannotBeWrittenNothingHappens) {
  const ScratchFolder scratch;
  write(scratch.path() / "file", "no folder");
  write_json_file(scratch.path() / "file" / "below.json", {{"a", 1}});
  write_json_file("", {{"a", 1}});
}

}  // namespace
}  // namespace yoke::system
