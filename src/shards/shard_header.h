// The file of a shard: what one rank holds of a model's matrices, packed, to be read by its next start.
//
//   magic, version, length and checksum of the description      28 bytes
//   description: of which model, and of each matrix its name, its bytes and their checksums
//   the matrices, in the description's order, each from a multiple of 4096 bytes on
//
// Or several such, one after the other, each from a multiple of 4096 bytes on, all of one key
// (unfinished_shard.h); where two have a matrix of the same name, the later counts.
//
// Numbers are little-endian. A matrix's checksums are XXH3 (64 bits), one for each piece of 256 KB; so what a
// disk or a crash did to a shard is found by whoever reads it, piece by piece on many threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/input_file.h"

namespace yoke::shards {

/// Of what is as it is in the model's file: parts of a replica (replica.h).
inline constexpr std::uint32_t layout_of_file = 0;

/// What a shard was made of. One with another key is of no use.
struct ShardKey {
  std::uint32_t layout = layout_of_file;  // kernels::panel_layout_version
  std::string model;                      // absolute path of the model's first file
  std::uint64_t fingerprint = 0;
  std::vector<gguf::FileVersion> files;
  std::int32_t rank = 0;  // of a replica: which part, and of how many
  std::int32_t ranks = 1;
};

struct ShardMatrix {
  std::string name;  // with its format, rows and columns, as model::TensorPart has it
  std::uint64_t bytes = 0;
  std::vector<std::uint64_t> checksums;
  std::uint64_t offset = 0;  // in the file; follows from what stands before it
};

struct ShardHeader {
  ShardKey key;
  std::vector<ShardMatrix> matrices;
};

inline constexpr std::uint64_t shard_piece_bytes = std::uint64_t{256} << 10;
inline constexpr std::uint64_t shard_alignment = 4096;
inline constexpr std::size_t shard_prefix_bytes = 28;
inline constexpr std::string_view shard_magic = "YOKESHRD";

std::uint64_t shard_pieces(std::uint64_t bytes);
std::uint64_t shard_checksum(std::span<const std::byte> piece);

/// The file up to its first matrix; sets the matrices' offsets. They have names, bytes and checksums.
std::vector<std::byte> write_shard_header(ShardHeader& header);
/// Bytes of the whole file. The offsets are set.
std::uint64_t shard_file_bytes(const ShardHeader& header);

/// From the first shard_prefix_bytes of a file of `file_bytes`: where its description ends. Throws Error, as
/// do the others; `file` names it in the sentence.
std::uint64_t shard_description_end(std::span<const std::byte> prefix, std::uint64_t file_bytes,
                                    std::string_view file);
/// `start`: the file up to shard_description_end().
ShardHeader parse_shard_header(std::span<const std::byte> start, std::uint64_t file_bytes,
                               std::string_view file);
/// Of all that follow one another in the file.
ShardHeader read_shard_header(const gguf::InputFile& file);

/// Fills `to` with bytes of a file from an offset on.
using ReadAt = std::function<void(std::uint64_t offset, std::span<std::byte> to)>;
/// One of those, which begins at `at` in a file of so many bytes, or more; its offsets are those in the file.
ShardHeader read_shard_record(const ReadAt& read, std::uint64_t at, std::uint64_t file_bytes,
                              std::string_view file);
/// Where the next begins, or the file ends.
std::uint64_t shard_record_end(const ShardHeader& record);

/// Why a shard of key `found` is of no use where `wanted` is: "was packed for …"; empty if they are alike.
std::string shard_difference(const ShardKey& found, const ShardKey& wanted);

}  // namespace yoke::shards
