// What one of a model's files is read through, wherever it lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace yoke::gguf {

/// What tells that a file was written to, short of reading it.
struct FileVersion {
  std::uint64_t bytes = 0;
  std::uint64_t written = 0;  // nanoseconds, as the file system counts time
  bool operator==(const FileVersion&) const = default;
};

/// `n` pieces of a file of `bytes` each, the first at `offset`, each other `stride` behind the one before.
struct EvenPieces {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t stride = 0;
  std::uint64_t n = 0;
  bool operator==(const EvenPieces&) const = default;

  /// Those from piece `first` on, so many.
  EvenPieces part(std::uint64_t first, std::uint64_t count) const {
    return {offset + first * stride, bytes, stride, count};
  }
};

/// Const members may be called from any thread.
class Input {
 public:
  virtual ~Input() = default;
  virtual const std::string& name() const = 0;
  virtual const FileVersion& version() const = 0;  // when it was opened
  std::uint64_t bytes() const { return version().bytes; }
  /// Whether it lies on another machine: what is between two pieces costs as much as they do.
  virtual bool is_far() const { return false; }
  /// Bytes that have come from there, by whoever has it open.
  virtual std::uint64_t fetched() const { return 0; }

  /// Fills `to` with the bytes from `offset` on. Throws Error where they cannot be read.
  virtual void read(std::uint64_t offset, std::span<std::byte> to) const = 0;
  /// Fills `to` with the pieces, one after the other. Throws Error likewise.
  virtual void read_pieces(const EvenPieces& pieces, std::span<std::byte> to) const;

  /// These bytes will be wanted soon.
  virtual void expect(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) const {}
  /// The calling thread is going to read these pieces, from the first to the last, some at a time.
  virtual void expect_pieces(const EvenPieces& /*pieces*/) const {}
  /// Throws Error if the file was written to since it was opened, as far as that can be told.
  virtual void check_unchanged() const {}
};

/// Opens a file. Throws Error where it is none that can be read.
using Opener = std::function<std::unique_ptr<const Input>(const std::filesystem::path& path)>;

}  // namespace yoke::gguf
