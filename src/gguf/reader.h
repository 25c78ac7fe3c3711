// Reading a GGUF model, whole or split into files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "gguf/header.h"
#include "gguf/metadata.h"

namespace yoke::gguf {

class MappedFile;

/// A model on disk, memory-mapped. Movable, not copyable; spans and infos it hands out live as long as it
/// does. Const members may be called from any thread.
class Model {
 public:
  /// Opens the model; for a split one (`…-00001-of-00003.gguf`) any of its files may be given, and all are
  /// opened and checked against each other; the metadata are the first file's. Throws Error.
  static Model open(const std::filesystem::path& path);
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const std::filesystem::path& path() const { return path_; }  // the first file
  int files() const;
  std::uint64_t file_bytes() const;  // of all files together
  std::uint32_t version() const { return version_; }
  const Metadata& metadata() const { return metadata_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // in file order
  const TensorInfo* find(std::string_view name) const;                 // null when absent
  /// The tensor's bytes. A file that has shrunk since it was opened is an error of the operating system
  /// (SIGBUS).
  std::span<const std::byte> data(const TensorInfo& tensor) const;

 private:
  Model() = default;
  std::filesystem::path path_;
  std::uint32_t version_ = 0;
  Metadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::size_t> by_name_;  // indices into tensors_, in order of their names
  std::vector<std::unique_ptr<MappedFile>> mapped_;
};

}  // namespace yoke::gguf
