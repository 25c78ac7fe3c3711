#include "base/byte_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error_of.h"

namespace yoke {
namespace {

TEST(ByteSize, IsANumberAndAUnitOfPowersOf1000) {
  EXPECT_EQ(parse_byte_size("1B"), 1u);
  EXPECT_EQ(parse_byte_size("500 MB"), 500'000'000u);
  EXPECT_EQ(parse_byte_size("1.5tb"), 1'500'000'000'000u);
  EXPECT_EQ(parse_byte_size("64GB"), 64'000'000'000u);
  EXPECT_EQ(parse_byte_size("12345678901234B"), 12'345'678'901'234u);
}

TEST(ByteSize, OfAnythingElseIsRefused) {
  for (const char* text : {"", "64", "GB", "-1GB", "0GB", "0.5B", "1e3GB", "64GiB", "64G", "64  GB", "64GB ",
                           "nanGB", "infGB", "9999999999999TB", "0x10GB", "6 4GB"}) {
    EXPECT_THAT(error_of([&] { parse_byte_size(text); }), testing::HasSubstr("is no size; expected a number"))
        << text;
  }
}

}  // namespace
}  // namespace yoke
