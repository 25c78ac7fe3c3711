#include "kernels/peak_neon.h"
#include "kernels/vec64_neon.h"

// After the types that it is written over.
#include "kernels/body.h"

namespace yoke::kernels {

constexpr Kernels neon_table = make_table("neon", neon_panels);

}  // namespace yoke::kernels
