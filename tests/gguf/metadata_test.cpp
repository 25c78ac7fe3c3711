#include "gguf/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "gguf_bytes.h"

namespace yoke::gguf {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Metadata sample() {
  Metadata m;
  m.set("unsigned", std::uint64_t{17});
  m.set("signed", std::int64_t{-5});
  m.set("huge", std::numeric_limits<std::uint64_t>::max());
  m.set("float", 2.5);
  m.set("flag", true);
  m.set("text", std::string("llama"));
  m.set("unsigneds", std::vector<std::uint64_t>{1, 2});
  m.set("signeds", std::vector<std::int64_t>{-1, 2});
  m.set("huges", std::vector<std::uint64_t>{std::numeric_limits<std::uint64_t>::max()});
  m.set("floats", std::vector<double>{0.5, 1.5});
  m.set("flags", std::vector<bool>{true, false});
  m.set("texts", std::vector<std::string>{"a", "b", "c"});
  return m;
}

TEST(Metadata, IntegersConvertWhereTheValueFits) {
  const Metadata m = sample();
  EXPECT_EQ(m.integer("unsigned"), 17);
  EXPECT_EQ(m.integer("signed"), -5);
  EXPECT_THAT(m.integers("unsigneds"), ElementsAre(1, 2));
  EXPECT_THAT(m.integers("signeds"), ElementsAre(-1, 2));
}

TEST(Metadata, IntegersAreAcceptedAsNumbers) {
  const Metadata m = sample();
  EXPECT_EQ(m.number("float"), 2.5);
  EXPECT_EQ(m.number("unsigned"), 17.0);
  EXPECT_EQ(m.number("signed"), -5.0);
  EXPECT_THAT(m.numbers("floats"), ElementsAre(0.5, 1.5));
  EXPECT_THAT(m.numbers("unsigneds"), ElementsAre(1.0, 2.0));
  EXPECT_THAT(m.numbers("signeds"), ElementsAre(-1.0, 2.0));
}

TEST(Metadata, TheOtherKindsAreTakenAsTheyAre) {
  const Metadata m = sample();
  EXPECT_TRUE(m.flag("flag"));
  EXPECT_EQ(m.string("text"), "llama");
  EXPECT_THAT(m.strings("texts"), ElementsAre("a", "b", "c"));
  EXPECT_NE(m.find("flags"), nullptr);
  EXPECT_EQ(m.find("fla"), nullptr);
  EXPECT_TRUE(m.has("text"));
}

TEST(Metadata, SetReplaces) {
  Metadata m = sample();
  m.set("text", std::uint64_t{1});
  EXPECT_EQ(m.integer("text"), 1);
}

TEST(Metadata, AbsentOptionalValuesGiveTheDefault) {
  const Metadata m = sample();
  EXPECT_EQ(m.integer_or("absent", 3), 3);
  EXPECT_EQ(m.integer_or("unsigned", 3), 17);
  EXPECT_EQ(m.number_or("absent", 0.5), 0.5);
  EXPECT_TRUE(m.flag_or("absent", true));
  EXPECT_EQ(m.string_or("absent", "none"), "none");
  EXPECT_THROW(m.integer_or("text", 3), Error);
  EXPECT_THROW(m.string_or("unsigned", "none"), Error);
}

TEST(Metadata, ErrorsNameTheKeyWhatItHoldsAndWhatWasExpected) {
  const Metadata m = sample();
  const auto expect = [](auto action, const char* key, const char* held, const char* expected) {
    EXPECT_THAT(sentence_of(action), AllOf(HasSubstr(key), HasSubstr(held), HasSubstr(expected)));
  };
  expect([&] { m.integer("absent"); }, "'absent'", "is missing", "expected an integer");
  expect([&] { m.integer("text"); }, "'text'", "the string \"llama\"", "expected an integer");
  expect([&] { m.integer("huge"); }, "'huge'", "18446744073709551615",
         "expected an integer of at most 63 bits");
  expect([&] { m.integer("float"); }, "'float'", "the float 2.5", "expected an integer");
  expect([&] { m.integer("unsigneds"); }, "'unsigneds'", "an array of 2 integers", "expected an integer");
  expect([&] { m.integers("unsigned"); }, "'unsigned'", "17", "expected an array of integers");
  expect([&] { m.integers("huges"); }, "'huges'", "18446744073709551615", "expected an array of integers");
  expect([&] { m.number("flag"); }, "'flag'", "true", "expected a number");
  expect([&] { m.numbers("texts"); }, "'texts'", "an array of 3 strings", "expected an array of numbers");
  expect([&] { m.flag("unsigned"); }, "'unsigned'", "17", "expected true or false");
  expect([&] { m.string("flags"); }, "'flags'", "an array of 2 booleans", "expected a string");
  expect([&] { m.strings("floats"); }, "'floats'", "an array of 2 floats", "expected an array of strings");
}

TEST(Metadata, ErrorsBeginWithTheFileThatThePairsWereReadFrom) {
  Metadata m("model.gguf");
  m.set("huges", std::vector<std::uint64_t>{std::numeric_limits<std::uint64_t>::max()});
  EXPECT_EQ(m.sentence_start(), "model.gguf: ");
  EXPECT_EQ(sentence_of([&] { m.string("name"); }),
            "model.gguf: the metadata key 'name' is missing, expected a string");
  EXPECT_THAT(sentence_of([&] { m.integer("huges"); }),
              testing::StartsWith("model.gguf: the metadata key 'huges' holds an array"));
  EXPECT_THAT(sentence_of([&] { m.integers("huges"); }),
              testing::StartsWith("model.gguf: the metadata key 'huges' holds an array"));
  EXPECT_EQ(sample().sentence_start(), "");
}

}  // namespace
}  // namespace yoke::gguf
