// Any bytes are either refused with a sentence or are a shard whose matrices lie within it, one after the
// other.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "shards/shard_header.h"

namespace {

using namespace yoke::runtime;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_matrices(const shards::ShardHeader& header, std::uint64_t file_bytes) {
  std::uint64_t end = shards::shard_prefix_bytes;
  for (const shards::ShardMatrix& matrix : header.matrices) {
    check(matrix.offset >= end && matrix.offset % shards::shard_alignment == 0);
    check(matrix.bytes > 0 && matrix.bytes <= file_bytes - matrix.offset);
    check(matrix.checksums.size() == shards::shard_pieces(matrix.bytes));
    end = matrix.offset + matrix.bytes;
  }
  check(end == file_bytes);
}

void parse(std::span<const std::byte> file) {
  try {
    check_matrices(shards::parse_shard_header(file, file.size(), "fuzz"), file.size());
  } catch (const yoke::Error& error) {
    check(std::string_view(error.what()).starts_with("fuzz: "));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  parse(file);
  if (size < shards::shard_prefix_bytes) return 0;
  // No change of the description gets past its checksum: the same with one that is right.
  std::vector<std::byte> sealed(file.begin(), file.end());
  std::uint64_t length = 0;
  std::memcpy(&length, sealed.data() + 12, sizeof length);
  length = std::min<std::uint64_t>(length, size - shards::shard_prefix_bytes);
  std::memcpy(sealed.data() + 12, &length, sizeof length);
  const std::uint64_t checksum =
      shards::shard_checksum(std::span(sealed).subspan(shards::shard_prefix_bytes, length));
  std::memcpy(sealed.data() + 20, &checksum, sizeof checksum);
  parse(sealed);
  return 0;
}
