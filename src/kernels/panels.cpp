#include "kernels/panels.h"

#include "base/error.h"

namespace yoke::kernels {
namespace {

std::int64_t block_values(quant::Type type) { return quant::format(type).block_values; }

}  // namespace

std::string_view name_of(ActivationType type) { return type == ActivationType::q8 ? "q8" : "f32"; }

ActivationType activation_type_named(std::string_view name) {
  for (const ActivationType type : {ActivationType::q8, ActivationType::f32}) {
    if (name == name_of(type)) return type;
  }
  fail("activations cannot be multiplied as '{}'; expected one of q8, f32", name);
}

bool PanelColumns::is_plain() const { return block_values(type) == 1; }

int PanelColumns::phase() const {
  return is_plain() ? 0 : static_cast<int>(first / unit_cols % panel_layout(type).units_per_group);
}

std::int64_t PanelColumns::units() const { return is_plain() ? cols : (cols + unit_cols - 1) / unit_cols; }

std::size_t PanelColumns::bytes() const {
  const PanelLayout layout = panel_layout(type);
  const std::int64_t groups = (phase() + units() + layout.units_per_group - 1) / layout.units_per_group;
  return static_cast<std::size_t>(units() * (layout.code_bytes + layout.extra_bytes) +
                                  groups * layout.header_bytes);
}

std::size_t PanelColumns::file_begin() const {
  return quant::format(type).bytes(first / block_values(type) * block_values(type));
}

std::size_t PanelColumns::file_end() const {
  const std::int64_t values = block_values(type);
  return quant::format(type).bytes((first + cols + values - 1) / values * values);
}

}  // namespace yoke::kernels
