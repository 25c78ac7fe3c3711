#include "base/anonymous_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace yoke {
namespace {

TEST(AnonymousMemory, IsZeroAtFirstAndKeepsWhatIsWritten) {
  const AnonymousMemory memory(3'000'001);  // no multiple of a page
  const std::span<std::byte> bytes = memory.bytes();
  ASSERT_EQ(bytes.size(), 3'000'001);
  EXPECT_EQ(
      reinterpret_cast<std::uintptr_t>(bytes.data()) % static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE)), 0);
  EXPECT_TRUE(std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; }));
  bytes.front() = bytes.back() = std::byte{7};
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), std::byte{7}), 2);
}

TEST(AnonymousMemory, BeginsAtAHugePageWhereItHasOne) {
  constexpr std::uintptr_t huge_page = 2 << 20;
  std::vector<std::unique_ptr<AnonymousMemory>> all;  // so that none takes another's place
  for (const std::uint64_t bytes : {huge_page, huge_page + 1, 3 * huge_page - 4096, 5 * huge_page + 12345}) {
    const auto& memory = all.emplace_back(std::make_unique<AnonymousMemory>(bytes));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory->bytes().data()) % huge_page, 0) << bytes;
    for (std::byte& byte : memory->bytes()) byte = std::byte{1};
  }
  const AnonymousMemory small(1);
  small.bytes().front() = std::byte{1};
}

TEST(AnonymousMemory, SaysSoWhereThereIsNotThatMuch) {
  try {
    const AnonymousMemory memory(std::uint64_t{1} << 60);
    FAIL() << "an exabyte was had";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "1.15 EB of memory are not to be had: Cannot allocate memory");
  }
}

}  // namespace
}  // namespace yoke
