#include "cli/size_flag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error_of.h"

namespace yoke::cli {
namespace {

TEST(Size, IsANumberAndAUnitOfPowersOf1000) {
  EXPECT_EQ(parse_size("1B"), 1u);
  EXPECT_EQ(parse_size("500 MB"), 500'000'000u);
  EXPECT_EQ(parse_size("1.5tb"), 1'500'000'000'000u);
  EXPECT_EQ(parse_size("64GB"), 64'000'000'000u);
  EXPECT_EQ(parse_size("12345678901234B"), 12'345'678'901'234u);
}

TEST(Size, OfAnythingElseIsRefused) {
  for (const char* text : {"", "64", "GB", "-1GB", "0GB", "0.5B", "1e3GB", "64GiB", "64G", "64  GB", "64GB ",
                           "nanGB", "infGB", "9999999999999TB", "0x10GB", "6 4GB"}) {
    EXPECT_THAT(error_of([&] { parse_size(text); }), testing::HasSubstr("is no size; expected a number"))
        << text;
  }
}

TEST(Size, OfAFlagIsStoredOrAWrongCommandLine) {
  CLI::App app;
  std::uint64_t bytes = 7;
  add_size(app, "--cache-size", bytes, "Bytes");
  app.parse(std::vector<std::string>{"2KB", "--cache-size"});
  EXPECT_EQ(bytes, 2000u);
  EXPECT_THROW(app.parse(std::vector<std::string>{"much", "--cache-size"}), CLI::ValidationError);
}

}  // namespace
}  // namespace yoke::cli
