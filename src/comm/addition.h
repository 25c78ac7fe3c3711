// The one order of addition of every transport and algorithm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/thread_pool.h"

namespace yoke::comm {

/// How the addends of a sum travel. As bf16 every addend, one's own too, and the sum are rounded to it.
enum class Wire : std::uint8_t { f32, bf16 };
constexpr Wire last_enumerator(Wire) { return Wire::bf16; }
/// Bytes of n values on their way.
constexpr std::size_t bytes_on(Wire wire, std::size_t n) {
  return n * (wire == Wire::bf16 ? sizeof(std::uint16_t) : sizeof(float));
}

/// out[i] = ((parts[0][i] + parts[1][i]) + parts[2][i]) + …; `out` may be one of the parts. Those in bf16 are
/// added as F32. Threads of the pool share what is long; without one, the caller adds.
void add_in_rank_order(std::span<const float* const> parts, std::span<float> out, ThreadPool* pool = nullptr);
void add_in_rank_order(std::span<const std::uint16_t* const> parts, std::span<std::uint16_t> out,
                       ThreadPool* pool = nullptr);

/// To bf16 and back; as many values.
void narrow(std::span<const float> from, std::span<std::uint16_t> to, ThreadPool* pool = nullptr);
void widen(std::span<const std::uint16_t> from, std::span<float> to, ThreadPool* pool = nullptr);

}  // namespace yoke::comm
