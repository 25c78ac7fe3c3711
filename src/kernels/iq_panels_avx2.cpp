#include "kernels/vec64_avx2.h"

// After the vector types that it is written over.
#include "kernels/panel_points.h"
#include "kernels/unpacked_codes.h"

// After both.
#include "kernels/iq_panel_body.h"

namespace yoke::kernels {

constexpr IqPanelMultiplies avx2_iq_panels = iq_panel_multiplies;

}  // namespace yoke::kernels
