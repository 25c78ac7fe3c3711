#include "shards/shard_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "common/error_of.h"

namespace yoke::shards {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

ShardKey key() { return {3, "/models/m.gguf", 0x1234, {{1000, 5}, {2000, 6}}, 1, 4}; }

ShardHeader header() {
  return {key(), {{"a Q4_0 [0:16] [0:64]", 576, {11}}, {"b Q8_0 [0:4096] [64:512]", 600'000, {1, 2, 3}}}};
}

std::vector<std::byte> written() {
  ShardHeader made = header();
  return write_shard_header(made);
}

std::uint64_t file_bytes() {
  ShardHeader made = header();
  write_shard_header(made);
  return shard_file_bytes(made);
}

std::string error_of_parsing(std::span<const std::byte> start, std::uint64_t bytes) {
  return error_of([&] { parse_shard_header(start, bytes, "f.yoke-shard"); });
}

/// A file's start whose checksum is right, around any description.
std::vector<std::byte> sealed(const std::vector<std::byte>& description) {
  std::vector<std::byte> start = written();
  const std::uint64_t n = description.size(), sum = shard_checksum(description);
  std::memcpy(start.data() + 12, &n, sizeof n);
  std::memcpy(start.data() + 20, &sum, sizeof sum);
  start.resize(shard_prefix_bytes);
  start.insert(start.end(), description.begin(), description.end());
  return start;
}

/// A description up to the list of matrices.
ByteWriter described_key(const ShardKey& of) {
  ByteWriter writer;
  writer(of.layout, of.model, of.fingerprint, std::uint32_t{0}, of.rank, of.ranks);
  return writer;
}

TEST(ShardHeader, ComesBackAsItWasWritten) {
  const ShardHeader read = parse_shard_header(written(), file_bytes(), "f");
  EXPECT_EQ(shard_difference(read.key, key()), "");
  ASSERT_EQ(read.matrices.size(), 2u);
  EXPECT_EQ(read.matrices[1].name, "b Q8_0 [0:4096] [64:512]");
  EXPECT_EQ(read.matrices[1].bytes, 600'000u);
  EXPECT_EQ(read.matrices[1].checksums, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(ShardHeader, LaysMatricesAtPagesOneAfterTheOther) {
  const ShardHeader read = parse_shard_header(written(), file_bytes(), "f");
  EXPECT_EQ(read.matrices[0].offset, written().size());
  EXPECT_EQ(read.matrices[0].offset % shard_alignment, 0u);
  EXPECT_EQ(read.matrices[1].offset, read.matrices[0].offset + shard_alignment);
  EXPECT_EQ(file_bytes(), read.matrices[1].offset + 600'000);
}

TEST(ShardHeader, IsRefusedWithAnyByteOfItChanged) {
  const std::uint64_t end = shard_description_end(written(), file_bytes(), "f");
  for (std::uint64_t i = 0; i < end; ++i) {
    std::vector<std::byte> damaged = written();
    damaged[i] ^= std::byte{0x10};
    EXPECT_THAT(error_of_parsing(damaged, file_bytes()), StartsWith("f.yoke-shard: ")) << "byte " << i;
  }
}

TEST(ShardHeader, IsRefusedCutAnywhere) {
  const std::vector<std::byte> whole = written();
  for (std::size_t n = 0; n < shard_description_end(whole, file_bytes(), "f"); ++n)
    EXPECT_NE(error_of_parsing(std::span(whole).first(n), n), "") << n << " bytes";
}

TEST(ShardHeader, IsRefusedInAFileOfAnotherSize) {
  for (const std::uint64_t bytes : {file_bytes() - 1, file_bytes() + 1, std::uint64_t{written().size()}})
    EXPECT_THAT(error_of_parsing(written(), bytes), HasSubstr("expected " + std::to_string(file_bytes())));
}

TEST(ShardHeader, OfAnotherVersionSaysSo) {
  std::vector<std::byte> other = written();
  other[8] = std::byte{9};
  EXPECT_EQ(error_of_parsing(other, file_bytes()), "f.yoke-shard: is a shard of version 9, expected 1");
  other[0] = std::byte{'G'};
  EXPECT_EQ(error_of_parsing(other, file_bytes()), "f.yoke-shard: does not begin as a shard does");
}

TEST(ShardHeader, AnAnnouncementBeyondTheFileTakesNoMemory) {
  std::vector<std::byte> lying = written();
  const auto most = std::numeric_limits<std::uint64_t>::max();
  std::memcpy(lying.data() + 12, &most, sizeof most);
  EXPECT_THAT(error_of_parsing(lying, file_bytes()), HasSubstr("announces a description of"));
}

TEST(ShardHeader, SizesThatNoFileHasAreRefused) {
  const auto most = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t bytes : {most, most - 4096, std::uint64_t{1} << 63}) {
    ByteWriter writer = described_key(key());
    writer(std::uint32_t{2});
    for (int i = 0; i < 2; ++i) writer(std::string("w"), bytes, std::vector<std::uint64_t>{1});
    EXPECT_THAT(error_of_parsing(sealed(writer.take()), 10'000), HasSubstr("checksums")) << bytes;
  }
  ByteWriter empty = described_key(key());
  empty(std::uint32_t{1}, std::string("w"), std::uint64_t{0}, std::vector<std::uint64_t>{});
  EXPECT_NE(error_of_parsing(sealed(empty.take()), 10'000), "");
}

TEST(ShardHeader, ALyingCountTakesNoMemory) {
  ByteWriter matrices = described_key(key());
  matrices(std::uint32_t{0xFFFFFFFF});
  EXPECT_THAT(error_of_parsing(sealed(matrices.take()), 10'000), HasSubstr("announces 4294967295 elements"));
  ByteWriter checksums = described_key(key());
  checksums(std::uint32_t{1}, std::string("w"), std::uint64_t{1} << 50, std::uint32_t{0xFFFFFFFF});
  EXPECT_THAT(error_of_parsing(sealed(checksums.take()), 10'000), HasSubstr("announces 4294967295 elements"));
}

TEST(ShardHeader, OfNoMatrixIsRefused) {
  ByteWriter none = described_key(key());
  none(std::uint32_t{0});
  EXPECT_THAT(error_of_parsing(sealed(none.take()), 10'000), HasSubstr("holds no matrix"));
}

TEST(ShardDifference, NamesWhatIsNotAlike) {
  ShardKey other = key();
  other.layout = 4;
  EXPECT_EQ(shard_difference(other, key()), "has packed layout 4, expected 3");
  other = key();
  other.model = "/models/n.gguf";
  EXPECT_EQ(shard_difference(other, key()), "was packed from /models/n.gguf");
  other = key();
  other.rank = 2;
  EXPECT_EQ(shard_difference(other, key()), "was packed for rank 2 of 4");
  other = key();
  other.ranks = 2;
  EXPECT_EQ(shard_difference(other, key()), "was packed for rank 1 of 2");
  const std::string written_since = "was packed before /models/m.gguf was last written";
  other = key();
  other.fingerprint = 1;
  EXPECT_EQ(shard_difference(other, key()), written_since);
  other = key();
  other.files[1].written = 7;
  EXPECT_EQ(shard_difference(other, key()), written_since);
  other = key();
  other.files[0].bytes = 7;
  EXPECT_EQ(shard_difference(other, key()), written_since);
  other = key();
  other.files.pop_back();
  EXPECT_EQ(shard_difference(other, key()), written_since);
}

}  // namespace
}  // namespace yoke::shards
