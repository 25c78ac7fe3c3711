#include "gguf/header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gguf_bytes.h"

namespace yoke::gguf {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// A sound file with every type of value and several tensors.
FileBytes sample(std::uint32_t version = 3) {
  FileBytes file;
  file.start(3, 17, version);
  file.string("general.architecture").u32(8).string("llama");
  file.pair_u32("general.alignment", 64);
  file.string("u8").u32(0).u8(200);
  file.string("i8").u32(1).number<std::int8_t>(-100);
  file.string("u16").u32(2).number<std::uint16_t>(60000);
  file.string("i16").u32(3).number<std::int16_t>(-30000);
  file.string("i32").u32(5).number<std::int32_t>(-2000000000);
  file.string("f32").u32(6).number(0.1f);
  file.string("bool").u32(7).u8(1);
  file.string("u64").u32(10).u64(std::numeric_limits<std::uint64_t>::max());
  file.string("i64").u32(11).number(std::numeric_limits<std::int64_t>::min());
  file.string("f64").u32(12).number(0.1);
  file.string("u16s").u32(9).u32(2).u64(2).number<std::uint16_t>(1).number<std::uint16_t>(65535);
  file.string("i8s").u32(9).u32(1).u64(3).number<std::int8_t>(-1).u8(0).u8(1);
  file.string("f32s").u32(9).u32(6).u64(1).number(-2.5f);
  file.string("bools").u32(9).u32(7).u64(2).u8(1).u8(0);
  file.string("strings").u32(9).u32(8).u64(3).string("a").string("").string("ccc");
  file.tensor("plain", {3, 2}, 0, 0);
  file.tensor("blocks", {64, 2, 3}, 8, 64);
  file.tensor("vector", {5}, 1, 512);
  return file.align(64).zeros(512 + 10);
}
constexpr std::size_t sample_data_bytes = 512 + 10;

Header parse(const FileBytes& file) { return parse_header(file.span(), "m.gguf"); }
std::string refusal(const FileBytes& file) {
  return sentence_of([&] { parse(file); });
}

template <class T>
const T& held(const Header& header, std::string_view key) {
  return std::get<T>(*header.metadata.find(key));
}

TEST(Header, ReadsEveryTypeOfValueWidened) {
  for (const std::uint32_t version : {2u, 3u}) {
    const Header header = parse(sample(version));
    EXPECT_EQ(header.version, version);
    EXPECT_EQ(header.metadata.all().size(), 17u);
    EXPECT_EQ(held<std::string>(header, "general.architecture"), "llama");
    EXPECT_EQ(held<std::uint64_t>(header, "u8"), 200u);
    EXPECT_EQ(held<std::int64_t>(header, "i8"), -100);
    EXPECT_EQ(held<std::uint64_t>(header, "u16"), 60000u);
    EXPECT_EQ(held<std::int64_t>(header, "i16"), -30000);
    EXPECT_EQ(held<std::uint64_t>(header, "general.alignment"), 64u);
    EXPECT_EQ(held<std::int64_t>(header, "i32"), -2000000000);
    EXPECT_EQ(held<double>(header, "f32"), static_cast<double>(0.1f));
    EXPECT_EQ(held<bool>(header, "bool"), true);
    EXPECT_EQ(held<std::uint64_t>(header, "u64"), std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(held<std::int64_t>(header, "i64"), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(held<double>(header, "f64"), 0.1);
    EXPECT_THAT(held<std::vector<std::uint64_t>>(header, "u16s"), ElementsAre(1, 65535));
    EXPECT_THAT(held<std::vector<std::int64_t>>(header, "i8s"), ElementsAre(-1, 0, 1));
    EXPECT_THAT(held<std::vector<double>>(header, "f32s"), ElementsAre(-2.5));
    EXPECT_THAT(held<std::vector<bool>>(header, "bools"), ElementsAre(true, false));
    EXPECT_THAT(held<std::vector<std::string>>(header, "strings"), ElementsAre("a", "", "ccc"));
  }
}

TEST(Header, ReadsTensorsOutermostDimensionFirst) {
  const FileBytes file = sample();
  const Header header = parse(file);
  const std::uint64_t data = file.size() - sample_data_bytes;
  ASSERT_EQ(header.tensors.size(), 3u);
  const TensorInfo& plain = header.tensors[0];
  EXPECT_EQ(plain.name, "plain");
  EXPECT_EQ(plain.type, quant::Type::f32);
  EXPECT_THAT(plain.shape, ElementsAre(2, 3));
  EXPECT_EQ(plain.shape_text(), "(2, 3)");
  EXPECT_EQ(plain.offset, data);
  EXPECT_EQ(plain.bytes, 24u);
  const TensorInfo& blocks = header.tensors[1];
  EXPECT_EQ(blocks.type, quant::Type::q8_0);
  EXPECT_EQ(blocks.shape_text(), "(3, 2, 64)");
  EXPECT_EQ(blocks.values(), 384);
  EXPECT_EQ(blocks.bytes, 384u / 32 * 34);
  EXPECT_EQ(blocks.offset, data + 64);
  EXPECT_EQ(header.tensors[2].shape_text(), "(5)");
  EXPECT_EQ(header.tensors[2].offset + header.tensors[2].bytes, file.size());
}

TEST(Header, WithoutTensorsNeedsNoPadding) {
  const FileBytes file = FileBytes().start(0, 1).pair_u32("general.alignment", 1u << 31);
  EXPECT_TRUE(parse(file).tensors.empty());
}

TEST(Header, TensorsMayBeStoredInAnotherOrder) {
  const FileBytes file =
      FileBytes().start(2, 0).tensor("second", {8}, 0, 32).tensor("first", {8}, 0, 0).align(32).zeros(64);
  EXPECT_EQ(parse(file).tensors[0].offset, parse(file).tensors[1].offset + 32);
}

TEST(Header, SaysWhatAFileThatIsNoGgufIs) {
  EXPECT_EQ(refusal(FileBytes()), "m.gguf: is empty, expected a GGUF file");
  EXPECT_EQ(refusal(FileBytes().raw("PK\x03\x04 and more")),
            "m.gguf: is not a GGUF file: it starts with \"PK\\x03\\x04\", expected \"GGUF\"");
  EXPECT_EQ(refusal(FileBytes().raw("GG")),
            "m.gguf: is not a GGUF file: it starts with \"GG\", expected \"GGUF\"");
  EXPECT_THAT(refusal(sample(1)), HasSubstr("m.gguf: is a GGUF file of version 1 (offset 4)"));
  EXPECT_THAT(refusal(sample(0x03000000)), HasSubstr("m.gguf: is a big-endian GGUF file"));
  EXPECT_THAT(refusal(sample(0x02000000)), HasSubstr("expected little-endian"));
  for (const std::uint32_t version : {0u, 4u, 77u}) {
    EXPECT_EQ(
        refusal(sample(version)),
        fmt::format("m.gguf: is a GGUF file of version {} (offset 4), expected version 2 or 3", version));
  }
}

/// Files that lie in one field, and what the sentence must hold.
struct Lie {
  const char* what;
  FileBytes file;
  std::vector<std::string> sentence;
};

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t f32 = 0;
constexpr std::uint32_t q8_0 = 8;

/// A file with the one pair `key`, whose value type and value follow.
FileBytes pair(std::string_view key) { return FileBytes().start(0, 1).string(key); }

std::vector<Lie> lies_in_metadata() {
  return {
      {"tensor count",
       FileBytes().start(most, 0),
       {"the tensor count at offset 8 is 18446744073709551615",
        "the 8 bytes of the file that follow hold at most 0"}},
      {"metadata count",
       FileBytes().start(0, 1000).zeros(140),
       {"the metadata count at offset 16 is 1000", "the 140 bytes of the file that follow hold at most 10"}},
      {"key length",
       FileBytes().start(0, 1).u64(most).zeros(100),
       {"metadata key 0 at offset 24 has a length of 18446744073709551615 bytes", "only 100 bytes"}},
      {"empty key",
       FileBytes().start(0, 1).pair_u32("", 1).zeros(10),
       {"metadata key 0 at offset 24 is empty"}},
      {"key twice",
       FileBytes().start(0, 2).pair_u32("twice", 1).pair_u32("twice", 1),
       {"the metadata key 'twice' at offset 45 occurs twice"}},
      {"value type",
       pair("key").u32(13).zeros(8),
       {"the value type of 'key' at offset 35 is 13, expected 0 to 12"}},
      {"string length",
       pair("key").u32(8).u64(9).zeros(8),
       {"a string of 'key' at offset 39 has a length of 9 bytes, but only 8 bytes"}},
      {"boolean",
       pair("key").u32(7).u8(2),
       {"the value of 'key' at offset 39 is a boolean of 2, expected 0 or 1"}},
      {"element type", pair("key").u32(9).u32(99).u64(0), {"the element type of 'key' at offset 39 is 99"}},
      {"array of arrays",
       pair("key").u32(9).u32(9).u64(1).zeros(20),
       {"the elements of 'key' at offset 51 are arrays themselves, expected plain values"}},
      {"empty array of arrays", pair("key").u32(9).u32(9).u64(0), {"the elements of 'key'"}},
      {"count of booleans",
       pair("key").u32(9).u32(7).u64(9).zeros(8),
       {"the element count of 'key' at offset 43 is 9, but the 8 bytes of the file that follow hold at most "
        "8"}},
      {"count of numbers",
       pair("key").u32(9).u32(4).u64(most / 4 + 2).zeros(8),
       {"element count", "hold at most 2"}},
      {"count of strings", pair("key").u32(9).u32(8).u64(2).zeros(15), {"element count", "hold at most 1"}},
      {"boolean in an array",
       pair("key").u32(9).u32(7).u64(2).u8(1).u8(255),
       {"offset 52 is a boolean of 255"}},
      {"string in an array", pair("key").u32(9).u32(8).u64(1).u64(most), {"a string of 'key' at offset 51"}},
      {"alignment 0",
       FileBytes().start(0, 1).pair_u32("general.alignment", 0),
       {"the value of 'general.alignment' at offset 49 is 0, expected an unsigned power of two from 8 to "
        "2147483648"}},
      {"alignment 48",
       FileBytes().start(0, 1).pair_u32("general.alignment", 48),
       {"'general.alignment'", "48"}},
      {"alignment 4", FileBytes().start(0, 1).pair_u32("general.alignment", 4), {"'general.alignment'", "4"}},
      {"alignment 2^63",
       pair("general.alignment").u32(10).u64(std::uint64_t{1} << 63),
       {"'general.alignment'"}},
      {"negative alignment", pair("general.alignment").u32(5).number(-32), {"'general.alignment'", "-32"}},
      {"alignment as text", pair("general.alignment").u32(8).string("32"), {"the string \"32\""}},
      {"control characters", pair("\x1b[2J").u32(99).zeros(8), {"'\\x1b[2J'"}},
  };
}

std::vector<Lie> lies_in_tensors() {
  const auto one = [](std::vector<std::uint64_t> dimensions, std::uint32_t type, std::uint64_t offset) {
    return FileBytes().start(1, 0).tensor("w", dimensions, type, offset).align(32).zeros(64);
  };
  const std::string w = "m.gguf: tensor 'w' (header offset 24): ";
  return {
      {"name length",
       FileBytes().start(1, 0).u64(most).zeros(100),
       {"tensor name 0 at offset 24 has a length of"}},
      {"empty name",
       FileBytes().start(1, 0).tensor("", {8}, f32, 0).zeros(100),
       {"tensor name 0 at offset 24 is empty"}},
      {"no dimensions", one({}, f32, 0), {w + "its dimension count at offset 33 is 0, expected 1 to 4"}},
      {"5 dimensions", one({1, 1, 1, 1, 1}, f32, 0), {w + "its dimension count at offset 33 is 5"}},
      {"dimension of 0",
       one({8, 0}, f32, 0),
       {w + "its dimension at offset 45 is 0, expected 1 to 2^63 - 1"}},
      {"negative dimension", one({most}, f32, 0), {w + "its dimension at offset 37 is 18446744073709551615"}},
      {"product of 2^64",
       one({std::uint64_t{1} << 32, std::uint64_t{1} << 32}, f32, 0),
       {w + "its shape (4294967296, 4294967296) has more than 2^63 - 1 values"}},
      {"2^63 bytes",
       one({std::uint64_t{1} << 61}, f32, 0),
       {w + "its shape", "takes more than 2^63 - 1 bytes"}},
      {"unknown type", one({32}, 4, 0), {w + "its type at offset 45 is 4, which is no known type"}},
      {"part of a block",
       one({33}, q8_0, 0),
       {w + "its rows have 33 values, expected whole Q8_0 blocks of 32"}},
      {"rows are blocks, not the product", one({16, 2}, q8_0, 0), {w + "its rows have 16 values"}},
      {"offset not aligned",
       one({8}, f32, 16),
       {w + "its data offset at offset 49 is 16, expected a multiple of the alignment 32"}},
      {"offset past the end",
       one({8}, f32, 96),
       {w +
        "its data would start at data offset 96, but the data of the file, from byte 64 on, has 64 bytes"}},
      {"offset of 2^64 - 32", one({8}, f32, most - 31), {w + "its data would start at data offset"}},
      {"one value too long",
       one({17}, f32, 0),
       {w + "its data would end at byte 132 but the file has 128 bytes"}},
      {"end past the end",
       one({8}, f32, 64),
       {w + "its data would end at byte 160 but the file has 128 bytes"}},
      {"no data at all",
       FileBytes().start(1, 0).tensor("w", {8}, f32, 0),
       {w + "its data would end at byte 96 but the file has 57 bytes"}},
      {"name twice",
       FileBytes().start(2, 0).tensor("w", {8}, f32, 0).tensor("w", {8}, f32, 32).align(32).zeros(64),
       {"tensor 'w' (header offset 57): its name occurs twice, first at offset 24"}},
      {"same data twice",
       FileBytes().start(2, 0).tensor("a", {8}, f32, 0).tensor("b", {8}, f32, 0).align(32).zeros(64),
       {"tensor 'b' (header offset 57): its data starts at byte 96, within the data of 'a', which ends at "
        "byte 128"}},
      {"overlap by one byte",
       FileBytes().start(2, 0).tensor("b", {8}, f32, 32).tensor("a", {33}, 24, 0).align(32).zeros(64),
       {"tensor 'b' (header offset 24): its data starts at byte 128, within the data of 'a', which ends at "
        "byte 129"}},
  };
}

TEST(Header, NamesTheFieldThatLiesAndItsOffset) {
  for (const auto& lies : {lies_in_metadata(), lies_in_tensors()}) {
    for (const Lie& lie : lies) {
      const std::string found = refusal(lie.file);
      for (const std::string& part : lie.sentence) EXPECT_THAT(found, HasSubstr(part)) << lie.what;
    }
  }
}

TEST(Header, EveryTruncationIsRefused) {
  const FileBytes file = sample();
  for (std::size_t size = 0; size < file.size(); ++size) {
    // An own allocation: reading past it is then seen by the address sanitizer.
    const std::vector<std::byte> shorter(file.span().begin(),
                                         file.span().begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(parse_header(shorter, "m.gguf"), Error) << size << " bytes";
  }
}

TEST(Header, IsTheSameHoweverLittleOfTheFileIsAtHand) {
  const FileBytes file = sample();
  std::vector<std::byte> start;
  std::uint64_t at_hand = 0;
  const auto no_more_than_asked_for = [&](std::uint64_t bytes) {
    EXPECT_GT(bytes, at_hand);
    at_hand = bytes;
    // An own allocation each time: what was given before is gone.
    start =
        std::vector<std::byte>(file.span().begin(), file.span().begin() + static_cast<std::ptrdiff_t>(bytes));
    return std::span<const std::byte>(start);
  };
  const Header pieces = parse_header(no_more_than_asked_for, file.size(), "m.gguf");
  const Header whole = parse(file);
  EXPECT_EQ(pieces.metadata.all(), whole.metadata.all());
  ASSERT_EQ(pieces.tensors.size(), whole.tensors.size());
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    EXPECT_EQ(pieces.tensors[i].name, whole.tensors[i].name);
    EXPECT_EQ(pieces.tensors[i].offset, whole.tensors[i].offset);
    EXPECT_EQ(pieces.tensors[i].shape, whole.tensors[i].shape);
  }
  EXPECT_LE(at_hand, file.size() - sample_data_bytes);
}

TEST(Header, TruncationNamesTheFieldThatIsCut) {
  const FileBytes file = sample();
  const auto cut = [&](std::size_t size) {
    return sentence_of([&] { parse_header(file.span().first(size), "m.gguf"); });
  };
  EXPECT_EQ(cut(6), "m.gguf: the version (4 bytes at offset 4) lies past the end of the file at byte 6");
  EXPECT_THAT(cut(12),
              HasSubstr("the tensor count (8 bytes at offset 8) lies past the end of the file at byte 12"));
  EXPECT_THAT(refusal(FileBytes().raw("GGUF").u32(3).u64(0)),
              HasSubstr("the metadata count (8 bytes at offset 16)"));
  EXPECT_THAT(cut(file.size() - 1), HasSubstr("tensor 'vector'"));
}

/// Counts that were checked against a whole file must hold again for what is left of it.
TEST(Header, TruncationWithinTheMetadataNamesTheKey) {
  FileBytes file = FileBytes().start(0, 1).string("a.key").u32(10);
  EXPECT_EQ(refusal(file.zeros(7)),
            "m.gguf: the value of 'a.key' (8 bytes at offset 41) lies past the end of the file at byte 48");
}

TEST(Header, RandomMutationsNeverDoWorseThanAnError) {
  const FileBytes file = sample();
  const std::size_t header = file.size() - sample_data_bytes;
  std::mt19937 random(6);
  int sound = 0;
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::byte> mutated(file.span().begin(), file.span().end());
    const int mutations = 1 + static_cast<int>(random() % 3);
    for (int m = 0; m < mutations; ++m) mutated[random() % header] = static_cast<std::byte>(random());
    try {
      for (const TensorInfo& tensor : parse_header(mutated, "m.gguf").tensors) {
        ASSERT_LE(tensor.offset, mutated.size()) << "mutation " << i;
        ASSERT_LE(tensor.bytes, mutated.size() - tensor.offset) << "mutation " << i;
      }
      ++sound;
    } catch (const Error& error) {
      ASSERT_THAT(error.what(), testing::StartsWith("m.gguf: ")) << "mutation " << i;
    }
  }
  EXPECT_GT(sound, 100);  // names and values may change without harm
}

TEST(Header, RandomBytesAfterTheMagicNeverDoWorseThanAnError) {
  std::mt19937 random(7);
  for (int i = 0; i < 5000; ++i) {
    FileBytes file = FileBytes().start(random() % 3, random() % 5);
    const std::size_t size = random() % 200;
    for (std::size_t b = 0; b < size; ++b)
      file.u8(static_cast<std::uint8_t>(random() % 4 == 0 ? random() : 0));
    try {
      parse(file);
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace yoke::gguf
