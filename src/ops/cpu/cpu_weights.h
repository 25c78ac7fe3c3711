// How the CPU backend stores what it loads, but for the matrices it multiplies (see cpu_matrix.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "base/anonymous_memory.h"
#include "base/thread_pool.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// Bytes for `n` values of `T` at a multiple of 64, not initialised: pages are first touched by the thread
/// that fills them.
struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};
template <class T>
using AlignedArray = std::unique_ptr<T[], FreeDeleter>;
/// Throws std::bad_alloc.
AlignedArray<std::byte> allocate_bytes(std::size_t bytes);
AlignedArray<float> allocate_floats(std::size_t n);

/// Where weights lie: one piece after the other in large regions, so that huge pages hold them whole, and not
/// all but their beginnings and ends. Not safe to use from several threads at once; the pieces may outlive
/// it.
class WeightMemory {
 public:
  /// `bytes` at a multiple of 64 that are 0 until they are written; first touched by the thread that does so.
  /// Throws Error.
  std::shared_ptr<std::byte> take(std::uint64_t bytes);

 private:
  std::shared_ptr<const AnonymousMemory> region_;
  std::uint64_t used_ = 0;  // of it
};

/// Rows in the format of the file, one after the other, read straight into place: whole blocks, with such
/// columns of other ranks as a slice's first and last block have.
struct FileRows final : Storage {
  quant::Type type{};
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::size_t row_bytes = 0;
  std::shared_ptr<std::byte> data;

  const std::byte* row(std::int64_t r) const { return data.get() + static_cast<std::size_t>(r) * row_bytes; }
};
/// Reads a slice, each thread of the pool its own rows. Throws Error where it cannot be read.
std::unique_ptr<FileRows> read_rows(const Slice& slice, ThreadPool& pool, WeightMemory& memory);
/// Decodes the rows `tokens` of an embedding into `out`, (tokens, cols).
void decode_rows(const FileRows& table, std::span<const std::int32_t> tokens, float* out);

struct FloatVector final : Storage {
  std::vector<float> values;
};
/// One row of values, or one value per row (a bias split by rows), as float32. The format can be decoded.
std::unique_ptr<FloatVector> read_vector(const Slice& slice);

}  // namespace yoke::ops::cpu
