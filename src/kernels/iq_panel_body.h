// The products of packed weights of the IQ formats, compiled once per instruction set by an iq_panels_*.cpp.
#pragma once

#include "kernels/panel_iq_block.h"
#include "kernels/tables.h"

namespace yoke::kernels {
namespace {

constexpr IqPanelMultiplies iq_panel_multiplies = {
    {{quant::Type::iq1_s, multiply_strips<QuantisedProduct<Iq1SPanels>>},
     {quant::Type::iq1_m, multiply_strips<QuantisedProduct<Iq1MPanels>>},
     {quant::Type::iq2_xxs, multiply_strips<QuantisedProduct<Iq2XxsPanels>>},
     {quant::Type::iq2_xs, multiply_strips<QuantisedProduct<Iq2XsPanels>>},
     {quant::Type::iq2_s, multiply_strips<QuantisedProduct<Iq2SPanels>>},
     {quant::Type::iq3_xxs, multiply_strips<QuantisedProduct<Iq3XxsPanels>>},
     {quant::Type::iq3_s, multiply_strips<QuantisedProduct<Iq3SPanels>>}}};

}  // namespace
}  // namespace yoke::kernels
