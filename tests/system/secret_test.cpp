#include "system/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "common/error_of.h"
#include "common/scratch.h"

namespace yoke::system {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string digits = "00112233445566778899aabbccddeeff0123456789abcdefFEDCBA9876543210";

std::string refusal(const std::filesystem::path& path) {
  return error_of([&] { read_key_file(path); });
}

std::filesystem::path private_file(const ScratchFolder& folder, std::string_view bytes) {
  const auto path = folder.write("key", bytes);
  ::chmod(path.c_str(), 0600);
  return path;
}

TEST(Secret, IsAnotherEachTime) { EXPECT_FALSE(Secret::random() == Secret::random()); }

TEST(Secret, IsWrittenAndReadInHexadecimal) {
  const Secret key = Secret::parse(digits);
  EXPECT_EQ(key.bytes()[1], 0x11);
  EXPECT_EQ(key.bytes()[8], 0x88);
  EXPECT_EQ(key.bytes()[31], 0x10);
  EXPECT_EQ(key.text().line(), "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210\n");
  EXPECT_EQ(Secret::parse(key.text().line()), key);
}

TEST(Secret, RefusesWhatIsNoKeyWithoutRepeatingIt) {
  const std::string with_space = digits.substr(0, 40) + " " + digits.substr(41);
  for (const std::string& text : {std::string(), digits.substr(1), digits + "0", digits + "\n\n", with_space})
    EXPECT_THAT(error_of([&] { Secret::parse(text); }),
                AllOf(HasSubstr("a key has"), Not(HasSubstr("0011"))));
}

TEST(Secret, LeavesNothingInMemoryThatIsGivenBack) {
  const auto is_clean = [](auto secret) {
    using Kind = decltype(secret);
    alignas(Kind) std::array<unsigned char, sizeof(Kind)> room{};
    Kind* placed = new (room.data()) Kind(secret);
    EXPECT_TRUE(std::any_of(room.begin(), room.end(), [](unsigned char byte) { return byte != 0; }));
    placed->~Kind();
    return std::all_of(room.begin(), room.end(), [](unsigned char byte) { return byte == 0; });
  };
  EXPECT_TRUE(is_clean(Secret::parse(digits)));
  EXPECT_TRUE(is_clean(Secret::parse(digits).text()));
}

TEST(KeyFile, IsReadAsItWasWrittenAndIsPrivateWhateverTheUmask) {
  const ScratchFolder folder;
  const Secret key = Secret::random();
  const mode_t before = ::umask(0777);
  write_key_file(folder / "key", key);
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat((folder / "key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  EXPECT_EQ(read_key_file(folder / "key"), key);
}

TEST(KeyFile, NeedsNoEndOfLine) {
  const ScratchFolder folder;
  EXPECT_EQ(read_key_file(private_file(folder, digits)), Secret::parse(digits));
}

TEST(KeyFile, ReplacesNothingAndFollowsNoLink) {
  const ScratchFolder folder;
  const auto path = folder.write("key", "mine");
  EXPECT_THAT(error_of([&] { write_key_file(path, Secret::random()); }), HasSubstr("exists already"));
  EXPECT_EQ(read_file(path), "mine");
  std::filesystem::create_symlink(folder / "elsewhere", folder / "link");
  EXPECT_THAT(error_of([&] { write_key_file(folder / "link", Secret::random()); }),
              HasSubstr("exists already"));
  EXPECT_FALSE(std::filesystem::exists(folder / "elsewhere"));
  EXPECT_THAT(error_of([&] { write_key_file(folder / "no" / "key", Secret::random()); }),
              HasSubstr("cannot be made: No such file"));
}

TEST(KeyFile, MustNotBeOpenToOthers) {
  const ScratchFolder folder;
  const auto path = private_file(folder, digits);
  for (const mode_t mode : {0640U, 0604U, 0620U, 0601U}) {
    ::chmod(path.c_str(), mode);
    EXPECT_THAT(refusal(path), AllOf(HasSubstr("open to other users"), HasSubstr("chmod 600"))) << mode;
  }
}

TEST(KeyFile, MustBelongToThisUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const ScratchFolder folder;
  const auto path = private_file(folder, digits);
  ASSERT_EQ(::chown(path.c_str(), 4242, 4242), 0);
  EXPECT_THAT(refusal(path), HasSubstr("belongs to user 4242"));
}

TEST(KeyFile, MustHoldAKeyAndNothingElse) {
  const ScratchFolder folder;
  EXPECT_THAT(refusal(folder / "none"), AllOf(HasSubstr("No such file"), HasSubstr("yoke key FILE")));
  EXPECT_THAT(refusal(folder.path()), HasSubstr("no regular file"));
  for (const std::string& bytes : {std::string(), digits.substr(1), digits + "0", digits + "\n0",
                                   digits + "\n\n", digits + std::string(1 << 20, '0')})
    EXPECT_THAT(refusal(private_file(folder, bytes)),
                AllOf(HasSubstr("key file"), HasSubstr("yoke key FILE")))
        << bytes.substr(0, 70);
}

TEST(KeyFile, APipeIsNotWaitedFor) {
  const ScratchFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(refusal(folder / "pipe"), HasSubstr("no regular file"));
}

}  // namespace
}  // namespace yoke::system
