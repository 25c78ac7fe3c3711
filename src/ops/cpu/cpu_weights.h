// How the CPU backend stores what it loads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
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

/// A matrix in the format of the file, rows one after the other, read straight into place. This is the
/// packing hook: a layout that suits the kernels better is made here, some rows of the slice at a time.
struct PackedMatrix final : Storage {
  quant::Type type{};
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::size_t row_bytes = 0;
  AlignedArray<std::byte> data;
  kernels::Kernels::MatMul matmul = nullptr;  // null where the rows are only read, never multiplied

  const std::byte* row(std::int64_t r) const { return data.get() + static_cast<std::size_t>(r) * row_bytes; }
};

/// Reads a slice, each thread of the pool its own rows. Throws Error where it cannot be read.
std::unique_ptr<PackedMatrix> pack(const Slice& slice, kernels::Kernels::MatMul matmul, ThreadPool& pool);

struct PackedVector final : Storage {
  std::vector<float> values;
};
/// One row of values, or one value per row (a bias split by rows), as float32. The format can be decoded.
std::unique_ptr<PackedVector> pack_vector(const Slice& slice);

/// Decodes the embedding's rows `tokens` into `out`, (tokens, cols).
void decode_rows(const PackedMatrix& table, std::span<const std::int32_t> tokens, float* out);

}  // namespace yoke::ops::cpu
