#include "kernels/tables.h"

namespace yoke::kernels {
namespace {

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");  // those have F16C, too
}

/// Those of the first years lack the product of bytes that packed weights live on; AVX2 serves them as well.
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}

bool has_avx512vbmi() { return has_avx512() && __builtin_cpu_supports("avx512vbmi"); }

}  // namespace

std::span<const Candidate> candidates() {
  static const Candidate list[] = {{&avx512vbmi_table, has_avx512vbmi()},
                                   {&avx512_table, has_avx512()},
                                   {&avx2_table, has_avx2()},
                                   {&scalar_table, true}};
  return list;
}

}  // namespace yoke::kernels
