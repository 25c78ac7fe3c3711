#include "kernels/vec64_avx512.h"

// After the vector types that it is written over.
#include "kernels/unpacked_codes.h"

// After what unpacked codes are.
#include "kernels/panel_body.h"

namespace yoke::kernels {

constexpr PanelMultiplies avx512_panels = panel_multiplies;

}  // namespace yoke::kernels
