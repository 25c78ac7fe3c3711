// Where packed matrices are kept from one start to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace yoke::model {

/// Matrices as a backend has packed them, each under a name that says which part of which tensor it is (see
/// TensorPart). One thread uses it.
class PackedStore {
 public:
  virtual ~PackedStore() = default;

  /// Called with bytes that have been filled, from several threads at once; ends the filling by an exception.
  using Filled = std::function<void(std::uint64_t bytes)>;
  /// Fills `to` with the matrix of this name. False where there is none of that size that can be trusted;
  /// what is in `to` is of no use then.
  virtual bool fill(const std::string& name, std::span<std::byte> to, const Filled& filled) = 0;
  /// Here is a matrix that fill() did not have. It stays as it is until the loading has ended.
  virtual void keep(const std::string& name, std::span<const std::byte> packed) = 0;
};

}  // namespace yoke::model
