#include "kernels/peak_avx512.h"
#include "kernels/vec64_avx512.h"

// After the types that it is written over.
#include "kernels/body.h"

namespace yoke::kernels {

constexpr Kernels avx512_table = make_table("avx512", avx512_panels, avx512_iq_panels);
/// The same, but points of grids are looked up with AVX512-VBMI.
constexpr Kernels avx512vbmi_table = make_table("avx512vbmi", avx512_panels, avx512vbmi_iq_panels);

}  // namespace yoke::kernels
