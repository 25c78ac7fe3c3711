// How much the multiplying units can do: what the speed of computing prompts is held against.
#pragma once

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace yoke::rates {

/// What is multiplied.
enum class Operands { int8, f32 };

/// The pool's threads at once do nothing but multiply, with the instructions of `kernels`. Returns operations
/// per second (a multiply-add is two) of each pass; a pass takes some milliseconds.
std::vector<double> measure_multiply(ThreadPool& pool, const kernels::Kernels& kernels, Operands operands,
                                     int passes);

}  // namespace yoke::rates
