// What the kernel tests share: buffers between forbidden pages, seeded values, comparison of bits.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace yoke::kernels {

/// Memory between two pages that nobody may touch, so that an access one byte outside ends the test. The
/// values lie against the page behind them, or with `at_start` against the one before them.
class GuardedBytes {
 public:
  explicit GuardedBytes(std::size_t size, bool at_start = false);
  ~GuardedBytes();
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  std::byte* data() const { return data_; }

 private:
  std::byte* pages_;
  std::size_t mapped_;
  std::byte* data_;
};

/// A guarded copy of floats.
class GuardedFloats {
 public:
  explicit GuardedFloats(std::span<const float> values, bool at_start = false)
      : bytes_(values.size_bytes(), at_start), size_(values.size()) {
    if (!values.empty()) std::memcpy(bytes_.data(), values.data(), values.size_bytes());
  }
  float* data() const { return reinterpret_cast<float*>(bytes_.data()); }
  std::vector<float> values() const { return {data(), data() + size_}; }

 private:
  GuardedBytes bytes_;
  std::size_t size_;
};

using Random = std::mt19937_64;

/// Normally distributed.
std::vector<float> random_floats(std::size_t n, Random& random);
/// Any finite float: huge, subnormal, zeros of both signs.
std::vector<float> wild_floats(std::size_t n, Random& random);

/// The types that kernels multiply with.
std::span<const quant::Type> matmul_types();
/// Bytes of `n` weights: random values in any bit pattern of the type's integers, scales and floats near 1.
/// Wild ones have any finite scales and floats.
std::vector<std::byte> random_weights(quant::Type type, std::int64_t n, Random& random, bool wild = false);
std::vector<float> dequantized(quant::Type type, std::span<const std::byte> weights);

/// Bit patterns, except that every NaN counts as the same.
std::vector<std::uint32_t> bits_of(std::span<const float> values);

/// The sum that kernels promise, computed here in the same order: lane i takes values i, i + 16, … by fused
/// multiply-adds; lanes are folded in halves.
float lane_order_dot(std::span<const float> a, std::span<const float> b);

/// The largest rounding error of lane_order_dot: ε·(length of the longest chain)·Σ|a·b|.
double lane_order_tolerance(std::span<const float> a, std::span<const float> b);

}  // namespace yoke::kernels
