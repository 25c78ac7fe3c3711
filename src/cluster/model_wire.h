// What is said on a connection by which one machine reads another's model.
//
//   reader:  the job (8 bytes); then requests, one after the other:
//            file (4), offset, bytes, stride, n (8 each)              see gguf::EvenPieces
//   server:  for each request frames of whole pieces, until all are sent:
//            bytes (4), their XXH3 (8), the bytes
//            or, as the last, `trouble` (4), the length of a sentence (8), the sentence
//
// Numbers are little-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "base/bytes.h"
#include "gguf/input.h"

namespace yoke::gguf {

void fields(auto& archive, Is<EvenPieces> auto& m) { archive(m.offset, m.bytes, m.stride, m.n); }

}  // namespace yoke::gguf

namespace yoke::cluster {

struct PieceRequest {
  std::uint32_t file = 0;
  gguf::EvenPieces pieces;
};
void fields(auto& archive, Is<PieceRequest> auto& m) { archive(m.file, m.pieces); }
inline constexpr std::size_t piece_request_bytes = 36;

struct PieceFrame {
  std::uint32_t bytes = 0;
  std::uint64_t checksum = 0;  // of the bytes; of a sentence its length
};
void fields(auto& archive, Is<PieceFrame> auto& m) { archive(m.bytes, m.checksum); }
inline constexpr std::size_t piece_frame_bytes = 12;

inline constexpr std::uint32_t trouble = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::size_t longest_trouble = 4096;

/// Of a frame, unless one piece is larger; and of one piece.
inline constexpr std::uint64_t usual_frame = std::uint64_t{1} << 20;
inline constexpr std::uint64_t largest_piece = std::uint64_t{16} << 20;

/// As many pieces as go into a frame. `bytes` is at least 1.
constexpr std::uint64_t pieces_of_frame(std::uint64_t bytes) {
  return bytes >= usual_frame ? 1 : usual_frame / bytes;
}

/// The checksum of a frame's bytes.
std::uint64_t frame_checksum(std::span<const std::byte> bytes);

}  // namespace yoke::cluster
