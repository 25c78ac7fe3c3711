#include "comm/addition.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>

#include "quant/half.h"

namespace yoke::comm {
namespace {

float wide(float value) { return value; }
float wide(std::uint16_t value) { return quant::bf16_to_f32(value); }
void put(float sum, float& to) { to = sum; }
void put(float sum, std::uint16_t& to) { to = quant::f32_to_bf16(sum); }

/// A block's sum is complete before any of it is written, so `out` may be one of the parts; and a local array
/// cannot alias, so the compiler vectorises the addition.
template <class Value>
void add_range(std::span<const Value* const> parts, Value* out, std::size_t first, std::size_t end) {
  std::array<float, 256> sum;
  for (; first < end; first += sum.size()) {
    const std::size_t n = std::min(sum.size(), end - first);
    for (std::size_t i = 0; i < n; ++i) sum[i] = wide(parts[0][first + i]);
    for (const Value* part : parts.subspan(1))
      for (std::size_t i = 0; i < n; ++i) sum[i] += wide(part[first + i]);
    for (std::size_t i = 0; i < n; ++i) put(sum[i], out[first + i]);
  }
}

/// body(first, end) for ranges of n values, each of which is `passes` times read or written.
template <class Body>
void share(std::size_t n, std::size_t passes, ThreadPool* pool, Body body) {
  constexpr std::int64_t worth_a_region = 1 << 16;  // values read and written, about 10 µs
  constexpr std::int64_t grain = 4096;
  const auto values = static_cast<std::int64_t>(n);
  if (pool == nullptr || pool->busy() || values * static_cast<std::int64_t>(passes) < worth_a_region)
    return body(std::size_t{0}, n);
  pool->split(values, grain, [&](std::int64_t first, std::int64_t end) {
    body(static_cast<std::size_t>(first), static_cast<std::size_t>(end));
  });
}

template <class Value>
void add(std::span<const Value* const> parts, std::span<Value> out, ThreadPool* pool) {
  assert(!parts.empty());
  share(out.size(), parts.size(), pool,
        [&](std::size_t first, std::size_t end) { add_range(parts, out.data(), first, end); });
}

}  // namespace

void add_in_rank_order(std::span<const float* const> parts, std::span<float> out, ThreadPool* pool) {
  add(parts, out, pool);
}

void add_in_rank_order(std::span<const std::uint16_t* const> parts, std::span<std::uint16_t> out,
                       ThreadPool* pool) {
  add(parts, out, pool);
}

void narrow(std::span<const float> from, std::span<std::uint16_t> to, ThreadPool* pool) {
  assert(from.size() == to.size());
  share(from.size(), 1, pool, [&](std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) to[i] = quant::f32_to_bf16(from[i]);
  });
}

void widen(std::span<const std::uint16_t> from, std::span<float> to, ThreadPool* pool) {
  assert(from.size() == to.size());
  share(from.size(), 1, pool, [&](std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) to[i] = quant::bf16_to_f32(from[i]);
  });
}

}  // namespace yoke::comm
