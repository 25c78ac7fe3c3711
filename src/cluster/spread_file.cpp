#include "cluster/spread_file.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace yoke::cluster {

SpreadFile::SpreadFile(std::vector<std::unique_ptr<const gguf::Input>> sources,
                       std::vector<std::size_t> source_of, std::uint64_t block)
    : sources_(std::move(sources)), source_of_(std::move(source_of)), block_(block) {}

std::uint64_t SpreadFile::fetched() const {
  std::uint64_t bytes = 0;
  for (const auto& source : sources_) bytes += source->fetched();
  return bytes;
}

const gguf::Input& SpreadFile::source_at(std::uint64_t offset) const {
  require(offset / block_ < source_of_.size(), "{}: has {} bytes, but those from {} on were asked for",
          name(), bytes(), offset);
  return *sources_[source_of_[offset / block_]];
}

void SpreadFile::read(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const std::size_t n = std::min<std::uint64_t>(block_ - offset % block_, to.size());
    source_at(offset).read(offset, to.first(n));
    offset += n;
    to = to.subspan(n);
  }
}

/// How many of them, from the first on, lie each within one block and all at the first one's source.
std::uint64_t SpreadFile::pieces_in_one_source(const gguf::EvenPieces& pieces) const {
  std::uint64_t n = 0;
  for (; n < pieces.n; ++n) {
    const std::uint64_t offset = pieces.offset + n * pieces.stride;
    if (offset % block_ + pieces.bytes > block_ || &source_at(offset) != &source_at(pieces.offset)) break;
  }
  return n;
}

void SpreadFile::read_pieces(const gguf::EvenPieces& pieces, std::span<std::byte> to) const {
  gguf::EvenPieces left = pieces;
  while (left.n > 0) {
    const std::uint64_t n = pieces_in_one_source(left);
    if (n == 0) {
      read(left.offset, to.first(left.bytes));
    } else {
      source_at(left.offset).read_pieces(left.part(0, n), to.first(n * left.bytes));
    }
    const std::uint64_t done = std::max<std::uint64_t>(n, 1);
    to = to.subspan(done * left.bytes);
    left = left.part(done, left.n - done);
  }
}

}  // namespace yoke::cluster
