// Metadata and tensors → the header of a GGUF file (version 3): the inverse of gguf/header.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/metadata.h"
#include "quant/format.h"

namespace yoke::gguf {

/// A tensor that is to be written.
struct TensorSpec {
  std::string name;
  quant::Type type{};
  std::vector<std::int64_t> shape;  // outermost first
};

struct EncodedHeader {
  std::vector<std::byte> bytes;
  std::uint64_t file_bytes = 0;  // of the whole file: header, then each tensor's data and padding
};

/// The header of a file whose data follow in the order of `tensors`, each aligned (and the last padded) to
/// `general.alignment` of the metadata, 32 bytes where it is absent. A file without tensors ends with its
/// header.
///
/// Metadata holds no widths, so these are chosen:
///
///   unsigned integers, alone or in an array   uint32, or uint64 where one does not fit
///   signed integers, alone or in an array     int32, or int64 where one does not fit
///   floats, alone or in an array              float32, to which they are rounded
///
/// That is what the known keys use as long as hyper-parameters are set as unsigned integers. The exceptions
/// are known by name and written as their readers expect them, whichever kind of number they are given as:
///
///   general.alignment           uint32              split.no, split.count   uint16
///   tokenizer.ggml.token_type   array of int32      split.tensors.count     int32
///   tokenizer.ggml.scores       array of float32
///
/// Throws Error, starting with `name`, where a number does not fit its type or a tensor is not sound by
/// itself (gguf::tensor_bytes). Duplicate names are left to parse_header.
EncodedHeader encode_header(const Metadata& metadata, std::span<const TensorSpec> tensors,
                            std::string_view name);

}  // namespace yoke::gguf
