#include "base/bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yoke {
namespace {

using testing::HasSubstr;

enum class Colour : std::uint8_t { red, green, blue };
constexpr Colour last_enumerator(Colour) { return Colour::blue; }

struct Point {
  std::int32_t x = 0;
  double y = 0;
  bool operator==(const Point&) const = default;
};
void fields(auto& archive, Is<Point> auto& point) { archive(point.x, point.y); }

struct Drawing {
  std::string name;
  Colour colour{};
  bool filled = false;
  std::array<std::uint8_t, 3> id{};
  std::vector<float> widths;
  std::vector<Point> points;
  std::vector<std::vector<std::int32_t>> strokes;
  bool operator==(const Drawing&) const = default;
};
void fields(auto& archive, Is<Drawing> auto& d) {
  archive(d.name, d.colour, d.filled, d.id, d.widths, d.points, d.strokes);
}

const Drawing drawing{"häuser",         Colour::blue, true, {1, 2, 3}, {1.5f, -2}, {{-7, 2.25}, {8, 0}},
                      {{1, 2}, {}, {3}}};

std::vector<std::byte> bytes_of(const auto& value) {
  ByteWriter writer;
  writer(value);
  return writer.take();
}

template <class T>
T read(std::span<const std::byte> bytes) {
  T value{};
  ByteReader reader(bytes, "the drawing");
  reader(value);
  reader.end();
  return value;
}

template <class T>
std::string error_of(std::span<const std::byte> bytes) {
  try {
    read<T>(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Bytes, ComeBackAsTheyWent) {
  EXPECT_EQ(read<Drawing>(bytes_of(drawing)), drawing);
  EXPECT_EQ(read<Drawing>(bytes_of(Drawing{})), Drawing{});
}

TEST(Bytes, EveryTruncationIsAnErrorThatSaysWhatEnded) {
  const std::vector<std::byte> bytes = bytes_of(drawing);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THAT(error_of<Drawing>(std::span<const std::byte>(bytes).first(length)), HasSubstr("the drawing"));
  }
}

TEST(Bytes, WhatFollowsTheLastFieldIsAnError) {
  std::vector<std::byte> bytes = bytes_of(drawing);
  bytes.push_back(std::byte{0});
  EXPECT_EQ(error_of<Drawing>(bytes), "the drawing has 1 bytes too many");
}

TEST(Bytes, ALyingCountTakesNoMemory) {
  const std::vector<std::byte> lie = bytes_of(std::uint32_t{0xffffffff});
  EXPECT_THAT(error_of<std::vector<double>>(lie),
              HasSubstr("announces 4294967295 elements in its last 0 bytes"));
  EXPECT_THAT(error_of<std::vector<Point>>(lie), HasSubstr("announces 4294967295 elements"));
  EXPECT_THAT(error_of<std::string>(lie), HasSubstr("announces 4294967295 elements"));
}

TEST(Bytes, OnlyKnownChoicesAreRead) {
  EXPECT_THAT(error_of<Colour>(bytes_of(std::uint8_t{3})), HasSubstr("choice 3 where the last is 2"));
  EXPECT_THAT(error_of<bool>(bytes_of(std::uint8_t{2})), HasSubstr("has 2 where a yes or no is expected"));
}

}  // namespace
}  // namespace yoke
