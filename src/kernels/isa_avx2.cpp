#include "kernels/peak_avx2.h"
#include "kernels/vec64_avx2.h"

// After the types that it is written over.
#include "kernels/body.h"

namespace yoke::kernels {

constexpr Kernels avx2_table = make_table("avx2", avx2_panels, avx2_iq_panels);

}  // namespace yoke::kernels
