// The tables of functions, one per instruction set; only those that the target architecture knows are linked.
// Read them through kernels.h: a table runs only on a machine that has its instructions.
#pragma once

#include "kernels/kernels.h"

namespace yoke::kernels {

extern const Kernels scalar_table, avx2_table, avx512_table, avx512vbmi_table, neon_table, neon_dotprod_table,
    neon_i8mm_table;

/// The products of packed weights are compiled in files of their own, since they take longest.
struct PanelMultiplies {
  Kernels::PanelMultiplyOf of[16];
};
extern const PanelMultiplies scalar_panels, avx2_panels, avx512_panels, neon_panels, neon_dotprod_panels,
    neon_i8mm_panels;
/// The same of the IQ formats.
struct IqPanelMultiplies {
  Kernels::PanelMultiplyOf of[7];
};
extern const IqPanelMultiplies scalar_iq_panels, avx2_iq_panels, avx512_iq_panels, avx512vbmi_iq_panels,
    neon_iq_panels;
/// Kernels::int8_peak of tables whose other functions are those of another one.
std::int64_t neon_dotprod_int8_peak(std::int64_t rounds);
std::int64_t neon_i8mm_int8_peak(std::int64_t rounds);

/// A table of this build and whether this machine has its instructions.
struct Candidate {
  const Kernels* table;
  bool runs_here;
};
/// Every table of this build, best first. (tables_x86.cpp, tables_aarch64.cpp or tables_portable.cpp)
std::span<const Candidate> candidates();

}  // namespace yoke::kernels
