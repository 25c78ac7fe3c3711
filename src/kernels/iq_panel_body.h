// The products of packed weights of the IQ formats, compiled once per instruction set by an iq_panels_*.cpp.
#pragma once

#include "kernels/panel_iq_block.h"
#include "kernels/tables.h"

namespace yoke::kernels {
namespace {

constexpr IqPanelMultiplies iq_panel_multiplies = {
    {panel_multiply<QuantisedProduct<Iq1SPanels>>(quant::Type::iq1_s),
     panel_multiply<QuantisedProduct<Iq1MPanels>>(quant::Type::iq1_m),
     panel_multiply<QuantisedProduct<Iq2XxsPanels>>(quant::Type::iq2_xxs),
     panel_multiply<QuantisedProduct<Iq2XsPanels>>(quant::Type::iq2_xs),
     panel_multiply<QuantisedProduct<Iq2SPanels>>(quant::Type::iq2_s),
     panel_multiply<QuantisedProduct<Iq3XxsPanels>>(quant::Type::iq3_xxs),
     panel_multiply<QuantisedProduct<Iq3SPanels>>(quant::Type::iq3_s)}};

}  // namespace
}  // namespace yoke::kernels
