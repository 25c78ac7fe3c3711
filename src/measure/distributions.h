// The distributions that a model gave the tokens of a text, kept in a file so that another run can be
// compared with them.
//
// All numbers are little-endian:
//
//   magic      8 bytes, "yokedist"
//   version    u32, 1
//   length     u32: bytes of the run that follows
//   run        i32 vocabulary, i32 window, i32 windows, u64 tokens, u32 length and bytes of source
//   checksum   u64, XXH3 of all before
//   rows       one for each token that counts, window by window:
//     steps      u16 × vocabulary: how far a token's logit is below the row's highest, in units of 1/2048
//     likeliest  i32: the first token with the highest logit
//     target     f32: ln p of the token that the text has there, of the logits as they were
//     checksum   u64, XXH3 of the row so far, seeded with its index
//
// A step is so fine that two runs with the same logits are told apart by 1e-8 on average (the variance of the
// rounding, 2048⁻²/12, halved); past 65535 of them a token's p is below 1e-13.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/output_file.h"
#include "gguf/input_file.h"
#include "measure/perplexity.h"
#include "measure/windows.h"

namespace yoke::measure {

/// What a file's distributions are of.
struct SavedRun {
  std::int32_t vocabulary = 0;
  std::int32_t window = 0;   // tokens of each
  std::int32_t windows = 0;  // how many
  std::uint64_t tokens = 0;  // XXH3 of all their tokens, as the model read them
  std::string source;        // which model computed them, for people

  std::uint64_t rows() const;
  std::uint64_t row_bytes() const;
};

SavedRun describe_run(const Windows& windows, std::int32_t vocabulary, std::string source);

/// One row of a file.
struct SavedRow {
  std::vector<std::uint16_t> steps;  // (vocabulary), below the highest logit
  runtime::Token likeliest = 0;
  float log_probability = 0;  // ln p of the text's token
};
inline constexpr double steps_per_nat = 2048;

/// Takes rows in their order.
class DistributionWriter {
 public:
  /// `path` appears on commit(); see base/output_file.h. Throws Error where it cannot be written.
  DistributionWriter(const std::filesystem::path& path, const SavedRun& run);
  void add(const ScoredRow& row);
  /// Call after the run's last row.
  void commit();

 private:
  OutputFile file_;
  SavedRun run_;
  std::uint64_t rows_ = 0;
};

class DistributionFile {
 public:
  /// Throws Error unless the file is whole, as far as its header and its size tell.
  explicit DistributionFile(const std::filesystem::path& path);

  const std::string& name() const { return file_.name(); }
  const SavedRun& run() const { return run_; }
  /// Throws Error that says what differs unless `run` computes what this file holds; its source may be
  /// another.
  void require_same_tokens(const SavedRun& run) const;
  /// Reads one row. Throws Error where it is damaged.
  SavedRow row(std::uint64_t index) const;

 private:
  gguf::InputFile file_;
  std::uint64_t header_bytes_ = 0;
  SavedRun run_;
};

/// The bytes of a file's head, at most.
inline constexpr std::size_t longest_distribution_header = 4096;

struct DistributionHeader {
  SavedRun run;
  std::uint64_t bytes = 0;  // of the header: the rows follow
};

/// What a file begins with, up to its rows.
std::vector<std::byte> distribution_header(const SavedRun& run);

/// Takes the header from a file's first bytes, of which no more than longest_distribution_header are needed.
/// Throws Error that begins with `name` unless it is sound and `file_bytes` are those of a file with such a
/// header.
DistributionHeader parse_distribution_header(std::span<const std::byte> start, std::uint64_t file_bytes,
                                             std::string_view name);

/// Takes row `index` of run.row_bytes() bytes. Throws Error that begins with `name` unless it is sound.
SavedRow parse_distribution_row(std::span<const std::byte> bytes, const SavedRun& run, std::uint64_t index,
                                std::string_view name);

}  // namespace yoke::measure
