#include "shards/shard_header.h"

#include <fmt/core.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "base/bytes.h"
#include "base/printable.h"
#include "base/saturating.h"

namespace yoke::gguf {

void fields(auto& archive, Is<FileVersion> auto& m) { archive(m.bytes, m.written); }

}  // namespace yoke::gguf

namespace yoke::shards {

void fields(auto& archive, Is<ShardKey> auto& m) {
  archive(m.layout, m.model, m.fingerprint, m.files, m.rank, m.ranks);
}
void fields(auto& archive, Is<ShardMatrix> auto& m) { archive(m.name, m.bytes, m.checksums); }
void fields(auto& archive, Is<ShardHeader> auto& m) { archive(m.key, m.matrices); }

namespace {

constexpr std::uint32_t shard_version = 1;
constexpr std::uint64_t longest_description = std::uint64_t{1} << 30;

struct Prefix {
  std::array<char, shard_magic.size()> magic{};
  std::uint32_t version = 0;
  std::uint64_t description_bytes = 0;
  std::uint64_t checksum = 0;  // of the description
};
void fields(auto& archive, Is<Prefix> auto& m) {
  archive(m.magic, m.version, m.description_bytes, m.checksum);
}

Prefix parse_prefix(std::span<const std::byte> bytes, std::string_view file) {
  require(bytes.size() >= shard_prefix_bytes, "{}: has {} bytes, too few for a shard", file, bytes.size());
  Prefix prefix;
  ByteReader(bytes.first(shard_prefix_bytes), file)(prefix);
  require(std::string_view(prefix.magic.data(), prefix.magic.size()) == shard_magic,
          "{}: does not begin as a shard does", file);
  require(prefix.version == shard_version, "{}: is a shard of version {}, expected {}", file, prefix.version,
          shard_version);
  return prefix;
}

/// `bytes` or what follows, at which a matrix may begin; the largest number where there is none.
std::uint64_t aligned(std::uint64_t bytes) {
  return saturating_sum(bytes, shard_alignment - 1) / shard_alignment * shard_alignment;
}

/// Sets the matrices' offsets, of which the first follows `begin` bytes. Those of sizes that no file has are
/// of no use.
void place(std::vector<ShardMatrix>& matrices, std::uint64_t begin) {
  for (ShardMatrix& matrix : matrices) {
    matrix.offset = aligned(begin);
    begin = saturating_sum(matrix.offset, matrix.bytes);
  }
}

/// Of a shard of so many bytes at most.
ShardHeader parse_shard_record(std::span<const std::byte> start, std::uint64_t most_bytes,
                               std::string_view file) {
  const std::uint64_t end = shard_description_end(start, most_bytes, file);
  require(start.size() >= end, "{}: ends within its description", file);
  const auto description = start.subspan(shard_prefix_bytes, end - shard_prefix_bytes);
  require(shard_checksum(description) == parse_prefix(start, file).checksum,
          "{}: its description is damaged: the checksum differs", file);
  ShardHeader header;
  const std::string what = fmt::format("{}: its description", file);
  ByteReader reader(description, what);
  reader(header);
  reader.end();
  require(!header.matrices.empty(), "{}: holds no matrix", file);
  place(header.matrices, end);
  for (const ShardMatrix& matrix : header.matrices) {
    require(matrix.bytes > 0 && matrix.checksums.size() == shard_pieces(matrix.bytes),
            "{}: '{}' has {} checksums for {} bytes", file, printable(matrix.name), matrix.checksums.size(),
            matrix.bytes);
  }
  require(shard_file_bytes(header) <= most_bytes, "{}: has {} bytes, expected {}", file, most_bytes,
          shard_file_bytes(header));
  return header;
}

}  // namespace

std::uint64_t shard_pieces(std::uint64_t bytes) {
  return bytes / shard_piece_bytes + (bytes % shard_piece_bytes == 0 ? 0 : 1);
}

std::uint64_t shard_checksum(std::span<const std::byte> piece) {
  return XXH3_64bits(piece.data(), piece.size());
}

std::vector<std::byte> write_shard_header(ShardHeader& header) {
  ByteWriter description;
  description(header);
  const std::vector<std::byte> described = description.take();
  Prefix prefix{{}, shard_version, described.size(), shard_checksum(described)};
  std::copy(shard_magic.begin(), shard_magic.end(), prefix.magic.begin());
  ByteWriter writer;
  writer(prefix);
  std::vector<std::byte> bytes = writer.take();
  assert(bytes.size() == shard_prefix_bytes);
  bytes.insert(bytes.end(), described.begin(), described.end());
  place(header.matrices, bytes.size());
  bytes.resize(aligned(bytes.size()));
  return bytes;
}

std::uint64_t shard_file_bytes(const ShardHeader& header) {
  if (header.matrices.empty()) return 0;
  return saturating_sum(header.matrices.back().offset, header.matrices.back().bytes);
}

std::uint64_t shard_description_end(std::span<const std::byte> prefix, std::uint64_t file_bytes,
                                    std::string_view file) {
  const Prefix parsed = parse_prefix(prefix, file);
  const std::uint64_t most = std::min(file_bytes - shard_prefix_bytes, longest_description);
  require(parsed.description_bytes <= most, "{}: announces a description of {} bytes, expected at most {}",
          file, parsed.description_bytes, most);
  return shard_prefix_bytes + parsed.description_bytes;
}

ShardHeader parse_shard_header(std::span<const std::byte> start, std::uint64_t file_bytes,
                               std::string_view file) {
  ShardHeader header = parse_shard_record(start, file_bytes, file);
  require(shard_file_bytes(header) == file_bytes, "{}: has {} bytes, expected {}", file, file_bytes,
          shard_file_bytes(header));
  return header;
}

ShardHeader read_shard_record(const ReadAt& read, std::uint64_t at, std::uint64_t file_bytes,
                              std::string_view file) {
  const std::uint64_t most = file_bytes - at;
  std::vector<std::byte> start(std::min<std::uint64_t>(shard_prefix_bytes, most));
  read(at, start);
  start.resize(shard_description_end(start, most, file));
  read(at + shard_prefix_bytes, std::span(start).subspan(shard_prefix_bytes));
  ShardHeader record = parse_shard_record(start, most, file);
  for (ShardMatrix& matrix : record.matrices) matrix.offset += at;
  return record;
}

std::uint64_t shard_record_end(const ShardHeader& record) { return aligned(shard_file_bytes(record)); }

ShardHeader read_shard_header(const gguf::InputFile& file) {
  const auto read = [&file](std::uint64_t offset, std::span<std::byte> to) { file.read(offset, to); };
  ShardHeader all = read_shard_record(read, 0, file.bytes(), file.name());
  std::uint64_t end = shard_file_bytes(all);
  while (end < file.bytes()) {
    const std::uint64_t at = aligned(end);
    require(at <= file.bytes(), "{}: has {} bytes, expected {} or whole blocks of {}", file.name(),
            file.bytes(), end, shard_alignment);
    if (at == file.bytes()) break;
    ShardHeader next = read_shard_record(read, at, file.bytes(), file.name());
    require(shard_difference(next.key, all.key).empty(), "{}: a part of it is of another model", file.name());
    end = shard_file_bytes(next);
    for (ShardMatrix& matrix : next.matrices) all.matrices.push_back(std::move(matrix));
  }
  return all;
}

std::string shard_difference(const ShardKey& found, const ShardKey& wanted) {
  if (found.layout != wanted.layout)
    return fmt::format("has packed layout {}, expected {}", found.layout, wanted.layout);
  if (found.model != wanted.model) return fmt::format("was packed from {}", printable(found.model));
  if (found.ranks != wanted.ranks || found.rank != wanted.rank)
    return fmt::format("was packed for rank {} of {}", found.rank, found.ranks);
  if (found.fingerprint != wanted.fingerprint || found.files != wanted.files)
    return fmt::format("was packed before {} was last written", wanted.model);
  return {};
}

}  // namespace yoke::shards
