// Weights to multiply with, far more than any cache holds.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/anonymous_memory.h"
#include "base/thread_pool.h"
#include "quant/format.h"

namespace yoke::bench {

/// Matrices of random weights in one format, as a file stores them. Taking one after the other, each is read
/// from memory.
class Matrices {
 public:
  static constexpr std::int64_t rows = 4096, cols = 4096;

  /// Rows are first written by the thread that `split_rows(pool, …)` gives them to.
  Matrices(const quant::Format& format, ThreadPool& pool);

  std::size_t row_bytes() const { return row_bytes_; }
  std::size_t matrix_bytes() const { return row_bytes_ * rows; }
  /// The next one; the first again after the last.
  const std::byte* next();

 private:
  std::size_t row_bytes_;
  std::int64_t count_;
  AnonymousMemory memory_;
  std::int64_t taken_ = 0;
};

/// body(begin, end): the rows of a matrix, divided among the threads.
template <class Body>
void split_rows(ThreadPool& pool, Body&& body) {
  pool.split(Matrices::rows, 16, body);
}

}  // namespace yoke::bench
