#include "rates/decode_speed.h"

#include <chrono>

#include "base/anonymous_memory.h"
#include "base/thread_pool.h"
#include "base/topology.h"
#include "kernels/kernels.h"
#include "rates/gemv_rate.h"
#include "rates/panel_walk.h"

namespace yoke::rates {

std::optional<double> measure_decode_speed(quant::Type format, std::uint64_t weights, int threads) {
  constexpr std::chrono::duration<double> time{0.5};
  kernels::Kernels kernels = kernels::best();
  const auto bytes = walk_bytes(read_topology().cache, read_memory().available, weights);
  if (!bytes || kernels.panel_multiply(format) == nullptr) return std::nullopt;
  ThreadPool pool(threads, true);
  kernels.gemv = choose_gemv(pool, kernels, {&format, 1}, weights, 1);
  const AnonymousMemory memory(*bytes);
  fill_panels(pool, memory.bytes());
  return PanelWalk(pool, memory.bytes(), format).stroll(kernels.panel_multiply(format), time);
}

}  // namespace yoke::rates
