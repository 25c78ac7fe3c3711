#include "kernels/vec64_scalar.h"

// After the vector types that it is written over.
#include "kernels/unpacked_codes.h"

// After what unpacked codes are.
#include "kernels/panel_body.h"

namespace yoke::kernels {

constexpr PanelMultiplies scalar_panels = panel_multiplies;

}  // namespace yoke::kernels
