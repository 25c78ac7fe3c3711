#include "kernels/dot_neon_dotprod.h"
#include "kernels/peak_neon_dotprod.h"

// After the vector types that it is written over.
#include "kernels/unpacked_codes_neon.h"

// After what unpacked codes are.
#include "kernels/panel_body.h"
#include "kernels/peak.h"

namespace yoke::kernels {

constexpr PanelMultiplies neon_dotprod_panels = panel_multiplies;

std::int64_t neon_dotprod_int8_peak(std::int64_t rounds) { return int8_peak(rounds); }

}  // namespace yoke::kernels
