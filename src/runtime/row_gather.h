// An all-gather of rows: every rank has some values of each row, and how many is known to all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <type_traits>
#include <vector>

#include "comm/comm.h"

namespace yoke::runtime {

class RowGather {
 public:
  /// length(row, rank) is how many values `rank` has of `row`, the same number on every rank.
  RowGather(comm::Comm& comm, std::size_t rows,
            const std::function<std::int64_t(std::size_t row, int rank)>& length);

  /// This rank's values of a row, to be written before exchange().
  std::span<float> mine(std::size_t row);
  /// A collective, but where nobody has anything.
  void exchange();
  /// What `rank` wrote of a row.
  std::span<const float> part(std::size_t row, int rank) const;
  /// What all ranks wrote of a row, in rank order.
  std::vector<float> joined(std::size_t row) const;

 private:
  std::size_t index(std::size_t row, int rank) const;

  comm::Comm& comm_;
  std::size_t rows_;
  std::vector<std::size_t> begins_;  // of each part, rank by rank, and the end of the last
  std::vector<float> values_;
};

/// A struct among floats: its bytes, which nobody computes with on the way.
template <class T>
concept Packable = std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(float) == 0;
template <Packable T>
constexpr std::int64_t packed_floats = sizeof(T) / sizeof(float);

template <Packable T>
void pack(const T& value, std::span<float> to) {
  std::memcpy(to.data(), &value, sizeof value);
}
template <Packable T>
T unpack(std::span<const float> from) {
  T value;
  std::memcpy(static_cast<void*>(&value), from.data(), sizeof value);
  return value;
}

}  // namespace yoke::runtime
