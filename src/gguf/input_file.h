// A file that is read piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/file_descriptor.h"
#include "gguf/input.h"

namespace yoke::gguf {

/// An open regular file. Its name may go or be given to another file: the one that was opened is read.
class InputFile final : public Input {
 public:
  /// Throws Error when the path is no readable, regular, non-empty file; `expected` is what the sentence says
  /// it should be.
  explicit InputFile(const std::filesystem::path& path, std::string_view expected = "a GGUF file");

  const std::string& name() const override { return name_; }
  const FileVersion& version() const override { return version_; }

  /// Throws Error if the file has become too short, or the system cannot read it.
  void read(std::uint64_t offset, std::span<std::byte> to) const override;
  /// With what lies between them, where that is little.
  void read_pieces(const EvenPieces& pieces, std::span<std::byte> to) const override;
  void expect(std::uint64_t offset, std::uint64_t bytes) const override;
  /// As far as its size and time tell.
  void check_unchanged() const override;

 private:
  FileVersion examine() const;

  std::string name_;
  FileDescriptor file_;
  FileVersion version_;
};

}  // namespace yoke::gguf
