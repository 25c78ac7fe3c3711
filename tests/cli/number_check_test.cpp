#include "cli/number_check.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace yoke::cli
