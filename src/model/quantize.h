// A copy of a model file with its matrices in another format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "base/thread_pool.h"
#include "gguf/encode.h"
#include "gguf/reader.h"
#include "quant/format.h"

namespace yoke::model {

/// The formats wished for; each has an encoder.
struct QuantizeTypes {
  quant::Type matrices;
  std::optional<quant::Type> output;     // of `output.weight`
  std::optional<quant::Type> embedding;  // of `token_embd.weight`
};

/// The copy of one model, before a byte of it is written.
struct QuantizePlan {
  gguf::Metadata metadata;
  std::vector<gguf::TensorSpec> tensors;    // one for each of the model, in the same order
  std::int64_t weights = 0;                 // values of all tensors
  std::int64_t matrices = 0;                // tensors that the wishes are about
  std::int64_t quantised_before = 0;        // of those, the ones that are quantised already and change format
  std::vector<gguf::TensorSpec> fallbacks;  // of those, the ones that take another format than wished for
  std::uint64_t bytes_before = 0;           // of all tensors
  std::uint64_t bytes_after = 0;
};

/// What is to become of each tensor. The wishes hold for every tensor called `….weight` of two dimensions or
/// more but for the routers of experts, whose choices are made by small differences; all else is copied as it
/// is. Where a row is no whole number of blocks, the next larger format with blocks of 32 values stands in,
/// and F16 where those do not fit either.
///
/// Throws Error where no tensor is a matrix, where the output is wished for but tied to the embedding, and
/// where a matrix cannot be decoded.
QuantizePlan plan_quantize(const gguf::Model& model, const QuantizeTypes& types);

/// Bytes of the copy's tensors written so far; the total is QuantizePlan::bytes_after.
using QuantizeProgress = std::function<void(std::uint64_t done)>;

/// Writes the copy, one file also where the model is split. It has its name only once it is complete. Memory
/// stays below some tens of MB. Throws Error where `out` is the model itself, for values that are not finite
/// (in tensors copied as they are too, but for formats without a decoder) or that the format cannot hold, by
/// tensor and position, and where the file cannot be written.
void quantize(const gguf::Model& model, const QuantizePlan& plan, const std::filesystem::path& out,
              ThreadPool& pool, const QuantizeProgress& progress);

}  // namespace yoke::model
