// The products of packed weights for every format, compiled once per instruction set by a panels_*.cpp.
#pragma once

#include "kernels/float_panel_matmul.h"
#include "kernels/panel_matmul.h"
#include "kernels/tables.h"

namespace yoke::kernels {
namespace {

constexpr PanelMultiplies panel_multiplies = {
    {{quant::Type::f32, multiply_strips<FloatProduct<F32Panels>>},
     {quant::Type::f16, multiply_strips<FloatProduct<F16Panels>>},
     {quant::Type::bf16, multiply_strips<FloatProduct<Bf16Panels>>},
     {quant::Type::q8_0, multiply_strips<QuantisedProduct<Q8_0Panels>>},
     {quant::Type::q4_0, multiply_strips<QuantisedProduct<Q4_0Panels>>},
     {quant::Type::q4_1, multiply_strips<QuantisedProduct<Q4_1Panels>>},
     {quant::Type::q5_0, multiply_strips<QuantisedProduct<Q5_0Panels>>},
     {quant::Type::q5_1, multiply_strips<QuantisedProduct<Q5_1Panels>>},
     {quant::Type::q2_k, multiply_strips<QuantisedProduct<Q2_KPanels>>},
     {quant::Type::q3_k, multiply_strips<QuantisedProduct<Q3_KPanels>>},
     {quant::Type::q4_k, multiply_strips<QuantisedProduct<Q4_KPanels>>},
     {quant::Type::q5_k, multiply_strips<QuantisedProduct<Q5_KPanels>>},
     {quant::Type::q6_k, multiply_strips<QuantisedProduct<Q6_KPanels>>},
     {quant::Type::iq4_nl, multiply_strips<QuantisedProduct<Iq4NlPanels>>},
     {quant::Type::iq4_xs, multiply_strips<QuantisedProduct<Iq4XsPanels>>},
     {quant::Type::mxfp4, multiply_strips<QuantisedProduct<Mxfp4Panels>>}}};

}  // namespace
}  // namespace yoke::kernels
