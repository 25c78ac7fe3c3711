// Which way of multiplying one token with packed weights is the faster one here (kernels/gemv.h).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace yoke::rates {

/// How fast each way reads weights of one format, in the order of kernels::gemvs.
struct GemvRate {
  quant::Type type{};
  std::array<double, kernels::gemv_count> bytes_per_second{};

  /// The default, unless another way is faster by more than two measurements of the same differ.
  kernels::Gemv better() const;
};

/// Multiplies one token, in each of the ways of `kernels` by turns, with weights of each of `types` that has
/// more than one, in panels that lie in anonymous memory of `bytes` bytes: the pool's threads at once, each
/// its own panels front to back. Takes about a tenth of a second and gives the memory back. A rate is the
/// best of several passes: what else runs on the machine only takes away from it. Throws Error where the
/// system does not give the memory.
std::vector<GemvRate> measure_gemv(ThreadPool& pool, const kernels::Kernels& kernels,
                                   std::span<const quant::Type> types, std::uint64_t bytes);

/// The way of each of `types` in which the pool's threads are to multiply `weights` bytes of weights: what
/// the environment asks for; or the better one, measured beside so many ranks of this machine as
/// `ranks_here`; or the default, where there is no choice or walk_bytes() has nothing. Throws Error as
/// asked_gemv() does.
kernels::GemvOfTypes choose_gemv(ThreadPool& pool, const kernels::Kernels& kernels,
                                 std::span<const quant::Type> types, std::uint64_t weights, int ranks_here);

}  // namespace yoke::rates
