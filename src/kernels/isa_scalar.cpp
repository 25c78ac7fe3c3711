#include "kernels/peak_scalar.h"
#include "kernels/vec64_scalar.h"

// After the types that it is written over.
#include "kernels/body.h"

namespace yoke::kernels {

constexpr Kernels scalar_table = make_table("scalar", scalar_panels, scalar_iq_panels);

}  // namespace yoke::kernels
