// Strided views: they never own what they point at.
#pragma once

#include <cassert>
#include <cstdint>
#include <span>
#include <type_traits>

namespace yoke {

/// A row-major matrix of `rows` × `cols` values whose rows start `stride` values apart.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;

  MatrixView() = default;
  MatrixView(T* data_, std::int64_t rows_, std::int64_t cols_) : MatrixView(data_, rows_, cols_, cols_) {}
  MatrixView(T* data_, std::int64_t rows_, std::int64_t cols_, std::int64_t stride_)
      : data(data_), rows(rows_), cols(cols_), stride(stride_) {
    assert(stride >= cols);
  }
  /// A view of mutable values converts to one of constant values.
  operator MatrixView<const T>() const requires(!std::is_const_v<T>) { return {data, rows, cols, stride}; }

  std::span<T> row(std::int64_t r) const {
    assert(r >= 0 && r < rows);
    return {data + r * stride, static_cast<std::size_t>(cols)};
  }
  T& operator()(std::int64_t r, std::int64_t c) const {
    assert(r >= 0 && r < rows && c >= 0 && c < cols);
    return data[r * stride + c];
  }
};

}  // namespace yoke
