#include "kernels/dot_neon.h"

// After the vector types that it is written over.
#include "kernels/unpacked_codes_neon.h"

// After what unpacked codes are.
#include "kernels/panel_body.h"

namespace yoke::kernels {

constexpr PanelMultiplies neon_panels = panel_multiplies;

}  // namespace yoke::kernels
