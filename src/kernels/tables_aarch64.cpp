#include <asm/hwcap.h>
#include <sys/auxv.h>

#include "kernels/tables.h"

namespace yoke::kernels {
namespace {

bool has_dotprod() { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
bool has_i8mm() { return has_dotprod() && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0; }

}  // namespace

std::span<const Candidate> candidates() {
  static const Candidate list[] = {{&neon_i8mm_table, has_i8mm()},
                                   {&neon_dotprod_table, has_dotprod()},
                                   {&neon_table, true},  // every aarch64 has NEON
                                   {&scalar_table, true}};
  return list;
}

}  // namespace yoke::kernels
