// The header of one GGUF file (versions 2 and 3, little-endian): what it says, checked against the file.
// Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/metadata.h"
#include "quant/format.h"

namespace yoke::gguf {

/// One tensor of the model. Every field has been checked against the size of its file.
struct TensorInfo {
  std::string name;
  quant::Type type{};
  /// Outermost first, as the shape comments in this project: (rows, cols); 1 to 4 entries, all at least 1.
  std::vector<std::int64_t> shape;
  int file = 0;              // which file of a split model
  std::uint64_t offset = 0;  // of the first byte, from the start of that file
  std::uint64_t bytes = 0;

  std::int64_t values() const;     // product of the shape
  std::string shape_text() const;  // "(320, 128)"
};

/// What parsing one header yields.
struct Header {
  std::uint32_t version = 0;
  Metadata metadata;
  std::vector<TensorInfo> tensors;  // in the header's order
};

/// Parses and checks the header at the start of `file` (its whole contents). `name` goes into the sentences.
/// Throws Error naming the field and the offset. Never reads outside `file`, and never allocates more than a
/// small multiple of its size.
Header parse_header(std::span<const std::byte> file, std::string_view name);

/// The same for a file of `file_bytes` bytes of which only the first, at least the header, are at hand.
Header parse_header(std::span<const std::byte> start, std::uint64_t file_bytes, std::string_view name);

/// Gives the start of a file, as many bytes as asked for or more, all that it gave before included. What it
/// gave before ends then. Never asked for more than the file has.
using ReadStart = std::function<std::span<const std::byte>(std::uint64_t bytes)>;

/// The same for a file of which as much is read as the header turns out to need. Throws whatever `read_start`
/// throws.
Header parse_header(const ReadStart& read_start, std::uint64_t file_bytes, std::string_view name);

/// "(320, 128)"
std::string shape_text(std::span<const std::int64_t> shape);

/// Bytes of a tensor. Throws Error, starting with `where`, unless the shape has 1 to 4 dimensions of at least
/// 1, rows are whole blocks, and the result fits in 63 bits.
std::uint64_t tensor_bytes(quant::Type type, std::span<const std::int64_t> shape, std::string_view where);

}  // namespace yoke::gguf
