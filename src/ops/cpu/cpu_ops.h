// The operations on one rank's CPU cores.
#pragma once

#include <memory>

#include "base/thread_pool.h"
#include "comm/comm.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

/// What a user may choose about the arithmetic. The same on every rank.
struct Options {
  kernels::KvType kv_type = kernels::KvType::f16;
  kernels::ActivationType activations = kernels::ActivationType::q8;
  comm::Wire wire = comm::Wire::f32;  // how the addends of Ops::all_reduce travel
};

/// Pool, Comm and kernels outlive the backend; one thread at a time uses it.
std::unique_ptr<Ops> make_ops(const kernels::Kernels& kernels, ThreadPool& pool, comm::Comm& comm,
                              const Options& options = {});

}  // namespace yoke::ops::cpu
