// Weights to multiply with, far more than any cache holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/anonymous_memory.h"
#include "base/thread_pool.h"
#include "quant/format.h"

namespace yoke::bench {

/// Bytes that no cache of this machine holds. Throws Error where too little memory is free for them.
std::uint64_t uncached_bytes();

/// What a matrix is made of, one after the other: rows as a file stores them, or panels (kernels/panels.h).
enum class Pieces : std::uint8_t { rows, panels };

struct MatrixShape {
  quant::Type type{};
  Pieces pieces{};
  std::int64_t rows = 0;  // a multiple of 16
  std::int64_t cols = 0;  // whole blocks
  bool operator==(const MatrixShape&) const = default;
};

/// Matrices of random weights, all of one shape. Taking one after the other, each is read from memory.
class Matrices {
 public:
  /// Pieces are first written by the thread that `split(pool, …)` gives them to.
  Matrices(const MatrixShape& shape, ThreadPool& pool);

  const MatrixShape& shape() const { return shape_; }
  std::size_t piece_bytes() const { return piece_bytes_; }
  std::size_t matrix_bytes() const { return piece_bytes_ * static_cast<std::size_t>(pieces_); }
  /// The next one; the first again after the last.
  const std::byte* next();

  /// body(begin, end): the pieces of a matrix, divided among the threads.
  template <class Body>
  void split(ThreadPool& pool, Body&& body) const {
    pool.split(pieces_, shape_.pieces == Pieces::rows ? 16 : 1, body);
  }

 private:
  Matrices(const MatrixShape& shape, const std::vector<std::byte>& samples, ThreadPool& pool);

  MatrixShape shape_;
  std::int64_t pieces_;  // of a matrix
  std::size_t piece_bytes_;
  std::int64_t count_;
  AnonymousMemory memory_;
  std::int64_t taken_ = 0;
};

}  // namespace yoke::bench
