#include "kernels/peak_neon.h"
#include "kernels/vec_neon.h"

// After the types that it is written over.
#include "kernels/body.h"

namespace yoke::kernels {

constexpr Kernels neon_table = make_table("neon");

}  // namespace yoke::kernels
