// Models of random weights, of any shape and family: to measure speed and memory where no trained one is at
// hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "base/thread_pool.h"
#include "gguf/metadata.h"
#include "model/config.h"
#include "quant/format.h"

namespace yoke::model {

struct SynthOptions {
  quant::Type matrices{};  // can be decoded
  std::uint64_t seed = 0;
  bool sparse = false;           // all matrices are zeros, which take no room on the disk
  std::uint64_t file_bytes = 0;  // the most tensor data of one file, or those of one tensor; 0: one file
};

using SynthProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// The names of the files that a model of so many bytes for each tensor is written to, and which tensors go
/// into each: `out` itself, or NAME-00001-of-00003.gguf and so on where NAME.gguf has to be split.
struct SynthFile {
  std::filesystem::path path;
  std::size_t first, end;  // tensors
};
std::vector<SynthFile> synth_files(const std::filesystem::path& out,
                                   const std::vector<std::uint64_t>& tensor_bytes, std::uint64_t file_bytes);

/// Writes a model that its family loads: every tensor its table asks for, vectors in F32. Matrices keep the
/// scale of what they multiply (variance 1 / columns), norms are near 1 and biases near 0, so that logits
/// stay finite and tell tokens apart however many there are. `metadata` (name, tokenizer) goes into the file
/// beside what the shape takes.
///
/// The same config, metadata and options give the same bytes, on any number of threads. Quantised rows are
/// put together from some thousand random blocks, each drawn and encoded once: encoding billions of values
/// would take minutes. (Of a format without an encoder they are random codes.) Throws Error, as gguf::Writer
/// does, where rows are no whole blocks or the file cannot be written.
void write_random_model(const std::filesystem::path& out, const Config& config, gguf::Metadata metadata,
                        const SynthOptions& options, ThreadPool& pool, const SynthProgress& progress);

}  // namespace yoke::model
