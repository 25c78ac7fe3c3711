// The products of packed weights for every format, compiled once per instruction set by a panels_*.cpp.
#pragma once

#include "kernels/panel_matmul.h"
#include "kernels/tables.h"

namespace yoke::kernels {
namespace {

constexpr PanelMultiplies panel_multiplies = {{{quant::Type::f32, float_panel_matmul<F32Panels>},
                                               {quant::Type::f16, float_panel_matmul<F16Panels>},
                                               {quant::Type::bf16, float_panel_matmul<Bf16Panels>},
                                               {quant::Type::q8_0, panel_matmul<Q8_0Panels>},
                                               {quant::Type::q4_0, panel_matmul<Q4_0Panels>},
                                               {quant::Type::q4_1, panel_matmul<Q4_1Panels>},
                                               {quant::Type::q5_0, panel_matmul<Q5_0Panels>},
                                               {quant::Type::q5_1, panel_matmul<Q5_1Panels>},
                                               {quant::Type::q2_k, panel_matmul<Q2_KPanels>},
                                               {quant::Type::q3_k, panel_matmul<Q3_KPanels>},
                                               {quant::Type::q4_k, panel_matmul<Q4_KPanels>},
                                               {quant::Type::q5_k, panel_matmul<Q5_KPanels>},
                                               {quant::Type::q6_k, panel_matmul<Q6_KPanels>},
                                               {quant::Type::iq4_nl, panel_matmul<Iq4NlPanels>},
                                               {quant::Type::iq4_xs, panel_matmul<Iq4XsPanels>},
                                               {quant::Type::mxfp4, panel_matmul<Mxfp4Panels>}}};

}  // namespace
}  // namespace yoke::kernels
