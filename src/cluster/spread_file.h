// One of a model's files that no machine has whole: its blocks lie on several.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gguf/input.h"

namespace yoke::cluster {

/// Reads each block where it lies.
class SpreadFile final : public gguf::Input {
 public:
  /// `sources` are inputs of the same file, each of which has some of its blocks of `block` bytes;
  /// `source_of` says of each block which.
  SpreadFile(std::vector<std::unique_ptr<const gguf::Input>> sources, std::vector<std::size_t> source_of,
             std::uint64_t block);

  const std::string& name() const override { return sources_.front()->name(); }
  const gguf::FileVersion& version() const override { return sources_.front()->version(); }
  bool is_far() const override { return true; }
  std::uint64_t fetched() const override;
  void read(std::uint64_t offset, std::span<std::byte> to) const override;
  void read_pieces(const gguf::EvenPieces& pieces, std::span<std::byte> to) const override;

 private:
  const gguf::Input& source_at(std::uint64_t offset) const;
  std::uint64_t pieces_in_one_source(const gguf::EvenPieces& pieces) const;

  const std::vector<std::unique_ptr<const gguf::Input>> sources_;
  const std::vector<std::size_t> source_of_;
  const std::uint64_t block_;
};

}  // namespace yoke::cluster
