#include "system/build_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error_of.h"

namespace yoke::system {
namespace {

constexpr const char* commit = "0123456789abcdef0123456789abcdef01234567";

TEST(BuildId, OfThisProgramCanBeTold) {
  EXPECT_EQ(this_build().protocol, protocol_number);
  EXPECT_EQ(parse_first_line(first_line(this_build())), this_build());
  EXPECT_EQ(decode_build(encode(this_build())), this_build());
}

TEST(BuildId, IsShortInSentences) {
  EXPECT_EQ(describe({3, commit}), "protocol 3, commit 0123456789ab");
  EXPECT_EQ(describe({3, std::string(commit) + "-modified"}), "protocol 3, commit 0123456789ab-modified");
  EXPECT_EQ(describe({3, "unknown-0.1.0"}), "protocol 3, commit unknown-0.1.0");
}

TEST(BuildId, HasALineThatNothingElseIsTakenFor) {
  EXPECT_EQ(first_line({3, commit}), "yoke 3 " + std::string(commit));
  for (const char* line : {"", "yoke", "yoke ", "yoke 3", "yoke 3 ", "yoke -3 x", "yoke 3x x", "yoke 3 a b",
                           "Yoke 3 a", " yoke 3 a", "yoke 3 a\r", "yoke 4294967296 a"})
    EXPECT_FALSE(parse_first_line(line)) << line;
  EXPECT_FALSE(parse_first_line("yoke 3 " + std::string(longest_commit + 1, 'a')));
}

TEST(BuildId, HasARecordWhoseFormNeverChanges) {
  const BuildRecord record = encode({0x04030201, "abc"});
  const std::string text(reinterpret_cast<const char*>(record.data()), record.size());
  EXPECT_EQ(text, std::string("YOKE\1\2\3\4abc", 11) + std::string(53, '\0'));
}

TEST(BuildId, RefusesARecordThatIsNone) {
  BuildRecord record{};
  EXPECT_THAT(error_of([&] { decode_build(record); }), testing::HasSubstr("expected a process of yoke"));
  record = encode({1, ""});
  EXPECT_THAT(error_of([&] { decode_build(record); }), testing::HasSubstr("calls its commit"));
  record = encode({1, "a"});
  record[20] = std::byte{'x'};
  EXPECT_THAT(error_of([&] { decode_build(record); }), testing::HasSubstr("calls its commit"));
}

}  // namespace
}  // namespace yoke::system
