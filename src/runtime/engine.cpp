#include "runtime/engine.h"

#include <numeric>

namespace yoke::runtime {

double TimeSplit::waited() const { return std::accumulate(waiting.begin(), waiting.end(), 0.0); }

TimeSplit TimeSplit::since(const TimeSplit& before) const {
  TimeSplit split{.products = products - before.products,
                  .attention = attention - before.attention,
                  .other = other - before.other,
                  .exchange = exchange - before.exchange,
                  .waiting = waiting,
                  .leading = leading - before.leading,
                  .measuring = measuring - before.measuring,
                  .idle = idle - before.idle};
  for (std::size_t rank = 0; rank < before.waiting.size() && rank < waiting.size(); ++rank)
    split.waiting[rank] -= before.waiting[rank];
  return split;
}

}  // namespace yoke::runtime
