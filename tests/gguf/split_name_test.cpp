#include "gguf/split_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gguf_bytes.h"

namespace yoke::gguf {
namespace {

using testing::HasSubstr;

TEST(SplitName, IsRecognisedAndMadeAgain) {
  const auto name = parse_split_name("dir/some-model-Q8_0-00002-of-00013.gguf");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->stem, "some-model-Q8_0");
  EXPECT_EQ(name->number, 2);
  EXPECT_EQ(name->count, 13);
  EXPECT_EQ(name->part(13), "dir/some-model-Q8_0-00013-of-00013.gguf");
  EXPECT_EQ(parse_split_name("m-00001-of-00002.gguf")->part(2), "m-00002-of-00002.gguf");
}

TEST(SplitName, OtherNamesAreNot) {
  for (const char* name : {"", "m.gguf", "m-00001-of-00002", "m-0001-of-00002.gguf", "m-00001-of-0000x.gguf",
                           "m-00001of-00002.gguf", "-00001-of-00002.gguf", "m-00001-of-00002.gguf.part"}) {
    EXPECT_FALSE(parse_split_name(name)) << name;
  }
  for (const char* name : {"m-00003-of-00002.gguf", "m-00000-of-00002.gguf", "m-00000-of-00000.gguf"}) {
    EXPECT_THAT(sentence_of([&] { parse_split_name(name); }), HasSubstr("its name says it is part")) << name;
  }
}

}  // namespace
}  // namespace yoke::gguf
