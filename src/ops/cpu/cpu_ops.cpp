#include "ops/cpu/cpu_ops.h"

#include "ops/cpu/backend.h"

namespace yoke::ops::cpu {

std::unique_ptr<Ops> make_ops(const kernels::Kernels& kernels, ThreadPool& pool, comm::Comm& comm,
                              const Options& options) {
  return std::make_unique<Backend>(kernels, pool, comm, options);
}

}  // namespace yoke::ops::cpu
