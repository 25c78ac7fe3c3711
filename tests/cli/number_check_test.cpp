#include "cli/number_check.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace yoke::cli {
namespace {

/// What a check says of a text; nothing where it is accepted.
std::string judge(const CLI::Validator& check, const std::string& text) { return check(text); }

TEST(NumberCheck, AcceptsTheRangeWithItsEnds) {
  for (const char* text : {"0", "1", "0.5", "1e-3", "100", "-0"})
    EXPECT_EQ(judge(number_check(0, 100), text), "") << text;
  for (const char* text : {"1e-9", "0.5", "1"}) EXPECT_EQ(judge(number_above_check(0, 1), text), "") << text;
  for (const char* text : {"0", "0.5", "0.999"}) EXPECT_EQ(judge(number_below_check(0, 1), text), "") << text;
  for (const char* text : {"-1", "0", "2147483647"})
    EXPECT_EQ(judge(whole_number_check(-1, 2147483647), text), "") << text;
  for (const char* text : {"0", "18446744073709551615"}) EXPECT_EQ(judge(seed_check(), text), "") << text;
}

TEST(NumberCheck, RefusesWhatIsOutsideOrNoNumberInOneSentence) {
  for (const char* text :
       {"nan", "-nan", "inf", "-inf", "100.0001", "-1e-9", "1e999", "", " 1", "1 ", "1x", "0x1", "one"}) {
    EXPECT_EQ(judge(number_check(0, 100), text), fmt::format("'{}' is not a number from 0 to 100", text));
  }
  for (const char* text : {"1", "0.99999999999", "-0.1", "nan"}) {
    EXPECT_EQ(judge(number_below_check(0, 1), text),
              fmt::format("'{}' is not a number from 0 and below 1", text));
  }
  for (const char* text : {"0", "-0", "1e-50", "1.001", "nan"}) {
    EXPECT_EQ(judge(number_above_check(0, 1), text),
              fmt::format("'{}' is not a number above 0 and up to 1", text));
  }
  for (const char* text : {"-2", "8", "1.5", "1e0", "99999999999999999999", "nan", ""}) {
    EXPECT_EQ(judge(whole_number_check(-1, 7), text),
              fmt::format("'{}' is not a whole number from -1 to 7", text));
  }
  for (const char* text : {"-1", "18446744073709551616", "x"}) {
    EXPECT_EQ(judge(seed_check(), text),
              fmt::format("'{}' is not a whole number from 0 to 18446744073709551615", text));
  }
}

TEST(NumberCheck, AFlagStoresTheNumberThatWasChecked) {
  CLI::App app;
  std::int32_t count = 0;
  std::uint64_t seed = 0;
  float share = 0;
  std::vector<std::int32_t> lengths{512};
  add_number(app, "-n,--count", count, whole_number_check(-1, 100), "");
  add_number(app, "--seed", seed, seed_check(), "");
  add_number(app, "--share", share, number_check(0, 1), "");
  add_numbers(app, "--lengths", lengths, whole_number_check(0, 100), "");
  app.parse("--count 010 --seed 18446744073709551615 --share 0.25 --lengths 08,1");
  EXPECT_EQ(count, 10) << "not octal";
  EXPECT_EQ(seed, 18446744073709551615u);
  EXPECT_EQ(share, 0.25f);
  EXPECT_EQ(lengths, (std::vector<std::int32_t>{8, 1}));
  app.parse("-n 08");
  EXPECT_EQ(count, 8);
}

TEST(NumberCheck, AFlagNamesItselfInItsComplaint) {
  CLI::App app;
  std::int32_t count = 7;
  std::vector<std::int32_t> lengths{512};
  add_number(app, "-n,--count", count, whole_number_check(-1, 100), "");
  add_numbers(app, "--lengths", lengths, whole_number_check(0, 100), "");
  const auto complaint = [&app](const std::string& line) -> std::string {
    try {
      app.parse(line);
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    return "";
  };
  for (const std::string text : {"0x10", "101", "1e1", "'1 2'"}) {
    EXPECT_EQ(complaint("--count " + text).rfind("--count: '", 0), 0u) << text;
    EXPECT_EQ(count, 7) << text;
  }
  EXPECT_EQ(complaint("--lengths 1,x"), "--lengths: 'x' is not a whole number from 0 to 100");
  EXPECT_EQ(lengths, (std::vector<std::int32_t>{512}));
}

}  // namespace
}  // namespace yoke::cli
