// Models of random weights, of any shape and family: to measure speed and memory where no trained one is at
// hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/thread_pool.h"
#include "gguf/metadata.h"
#include "model/config.h"
#include "quant/format.h"

namespace yoke::model {

struct SynthOptions {
  quant::Type matrices{};  // has an encoder
  std::uint64_t seed = 0;
};

using SynthProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Writes a model that its family loads: every tensor its table asks for, vectors in F32. Matrices keep the
/// scale of what they multiply (variance 1 / columns), norms are near 1 and biases near 0, so that logits
/// stay finite and tell tokens apart however many there are. `metadata` (name, tokenizer) goes into the file
/// beside what the shape takes.
///
/// The same config, metadata and options give the same bytes, on any number of threads. Quantised rows are
/// put together from some thousand random blocks, each drawn and encoded once: encoding billions of values
/// would take minutes. Throws Error, as gguf::Writer does, where rows are no whole blocks or the file cannot
/// be written.
void write_random_model(const std::filesystem::path& out, const Config& config, gguf::Metadata metadata,
                        const SynthOptions& options, ThreadPool& pool, const SynthProgress& progress);

}  // namespace yoke::model
