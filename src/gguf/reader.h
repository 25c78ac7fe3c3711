// Reading a GGUF model, whole or split into files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/header.h"
#include "gguf/input.h"
#include "gguf/metadata.h"

namespace yoke::gguf {

/// A model on disk: its headers in memory, its tensors' data where they are. Movable, not copyable; infos it
/// hands out live as long as it does. Const members may be called from any thread.
class Model {
 public:
  /// Opens the model; for a split one (`…-00001-of-00003.gguf`) any of its files may be given, and all are
  /// opened and checked against each other; the metadata are the first file's. Throws Error.
  /// Files are opened with `opener`; without one they lie on this machine.
  static Model open(const std::filesystem::path& path, const Opener& opener = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const std::filesystem::path& path() const { return path_; }  // the first file
  int files() const;
  std::uint64_t file_bytes() const;           // of all files together
  std::vector<FileVersion> versions() const;  // of each file, when it was opened
  std::vector<std::string> names() const;     // of each file
  bool is_far() const;                        // whether it lies on another machine
  std::uint64_t fetched() const;              // bytes that have come from there
  std::uint32_t version() const { return version_; }
  const Metadata& metadata() const { return metadata_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // in file order
  const TensorInfo* find(std::string_view name) const;                 // null when absent

  /// Fills `to` with the tensor's bytes from `offset` on; they lie within the tensor. Throws Error if the
  /// file has shrunk since it was opened, or the system cannot read it.
  void read(const TensorInfo& tensor, std::uint64_t offset, std::span<std::byte> to) const;
  /// All bytes of a tensor. Throws Error likewise.
  std::vector<std::byte> read(const TensorInfo& tensor) const;
  /// Tells the system that bytes [offset, offset + bytes) of the tensor will be read soon.
  void expect(const TensorInfo& tensor, std::uint64_t offset, std::uint64_t bytes) const;
  /// Pieces of the tensor, as Input has them; the offset counts within the tensor.
  void read_pieces(const TensorInfo& tensor, const EvenPieces& pieces, std::span<std::byte> to) const;
  void expect_pieces(const TensorInfo& tensor, const EvenPieces& pieces) const;
  /// What one of the files is read through.
  const Input& input(int file) const;
  /// Throws Error if a file was written to since it was opened, as far as its size and time tell: then what
  /// has been read is of no use.
  void check_unchanged() const;

 private:
  Model() = default;
  const Input& input(const TensorInfo& tensor) const;

  std::filesystem::path path_;
  std::uint32_t version_ = 0;
  Metadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::size_t> by_name_;  // indices into tensors_, in order of their names
  std::vector<std::unique_ptr<const Input>> inputs_;
};

}  // namespace yoke::gguf
