// What the CPU backend's operations work with besides their operands.
#pragma once

#include "base/arena.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace yoke::ops::cpu {

struct Tools {
  const kernels::Kernels& kernels;
  ThreadPool& pool;
  Arena& scratch;  // until the layer ends
};

}  // namespace yoke::ops::cpu
