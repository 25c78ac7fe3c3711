// Writing a GGUF model (version 3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/output_file.h"
#include "gguf/encode.h"
#include "gguf/header.h"
#include "gguf/metadata.h"

namespace yoke::gguf {

/// Writes one file. The header goes out first, so everything but the tensors' data is given at once; then the
/// data follow in the same order, so that no more than a piece of one tensor need be in memory:
///
///   const std::vector<TensorSpec> tensors{{"token_embd.weight", quant::Type::f32, {320, 128}}, …};
///   Writer writer("model.gguf", metadata, tensors);
///   writer.write("token_embd.weight", data);
///   writer.finish();
///
/// Reading the file gives the same metadata and tensors again; gguf/encode.h tells which widths numbers are
/// given in the file and where data are aligned.
///
/// What the reader would refuse, the writer refuses: the constructor throws Error. So do all members for data
/// that are not what was announced, and for whatever goes wrong with the file.
class Writer {
 public:
  /// Writes the header to a temporary file in the folder of `path`, which goes unless finish() succeeds.
  Writer(const std::filesystem::path& path, const Metadata& metadata, std::span<const TensorSpec> tensors);

  /// Appends to the data of `tensor`, whole or in pieces. Tensors come in the order they were announced in.
  void write(std::string_view tensor, std::span<const std::byte> data);

  /// The data of `tensor` are zeros, which take no room on the disk. In the place of write().
  void write_hole(std::string_view tensor);

  /// Checks that all data have been written and are on the disk, and gives the file its name, replacing one
  /// that had it.
  void finish();

 private:
  /// The tensor whose data come next, which must be called so; the file is where they begin or have got to.
  const TensorInfo& next(std::string_view tensor);
  void put(std::span<const std::byte> bytes);
  void pad_to(std::uint64_t offset);

  std::string name_;                 // the path, for sentences
  std::vector<TensorInfo> tensors_;  // with their places in the file
  std::uint64_t file_bytes_ = 0;     // of the finished file
  std::uint64_t written_ = 0;
  std::size_t current_ = 0;  // the first tensor that is not complete
  OutputFile file_;
};

}  // namespace yoke::gguf
