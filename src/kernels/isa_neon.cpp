#include "kernels/peak_neon.h"
#include "kernels/vec64_neon.h"

// After the types that it is written over.
#include "kernels/body.h"

namespace yoke::kernels {
namespace {

/// Machines that have more multiply bytes otherwise, and compute floats alike.
constexpr Kernels with_bytes(Kernels table, std::string_view isa, const PanelMultiplies& panels,
                             std::int64_t (*int8_peak)(std::int64_t)) {
  table.isa = isa;
  table.panel_multiplies = panels.of;
  table.int8_peak = int8_peak;
  return table;
}

}  // namespace

constexpr Kernels neon_table = make_table("neon", neon_panels, neon_iq_panels);
constexpr Kernels neon_dotprod_table =
    with_bytes(neon_table, "neon-dotprod", neon_dotprod_panels, neon_dotprod_int8_peak);
constexpr Kernels neon_i8mm_table =
    with_bytes(neon_table, "neon-i8mm", neon_i8mm_panels, neon_i8mm_int8_peak);

}  // namespace yoke::kernels
