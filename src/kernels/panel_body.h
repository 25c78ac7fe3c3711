// The products of packed weights for every format, compiled once per instruction set by a panels_*.cpp.
#pragma once

#include "kernels/float_panel_matmul.h"
#include "kernels/panel_matmul.h"
#include "kernels/tables.h"

namespace yoke::kernels {
namespace {

constexpr PanelMultiplies panel_multiplies = {
    {panel_multiply<FloatProduct<F32Panels>>(quant::Type::f32),
     panel_multiply<FloatProduct<F16Panels>>(quant::Type::f16),
     panel_multiply<FloatProduct<Bf16Panels>>(quant::Type::bf16),
     panel_multiply<QuantisedProduct<Q8_0Panels>>(quant::Type::q8_0),
     panel_multiply<QuantisedProduct<Q4_0Panels>>(quant::Type::q4_0),
     panel_multiply<QuantisedProduct<Q4_1Panels>>(quant::Type::q4_1),
     panel_multiply<QuantisedProduct<Q5_0Panels>>(quant::Type::q5_0),
     panel_multiply<QuantisedProduct<Q5_1Panels>>(quant::Type::q5_1),
     panel_multiply<QuantisedProduct<Q2_KPanels>>(quant::Type::q2_k),
     panel_multiply<QuantisedProduct<Q3_KPanels>>(quant::Type::q3_k),
     panel_multiply<QuantisedProduct<Q4_KPanels>>(quant::Type::q4_k),
     panel_multiply<QuantisedProduct<Q5_KPanels>>(quant::Type::q5_k),
     panel_multiply<QuantisedProduct<Q6_KPanels>>(quant::Type::q6_k),
     panel_multiply<QuantisedProduct<Iq4NlPanels>>(quant::Type::iq4_nl),
     panel_multiply<QuantisedProduct<Iq4XsPanels>>(quant::Type::iq4_xs),
     panel_multiply<QuantisedProduct<Mxfp4Panels>>(quant::Type::mxfp4)}};

}  // namespace
}  // namespace yoke::kernels
