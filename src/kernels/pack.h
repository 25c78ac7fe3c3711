// From the blocks of a file to panels.
#pragma once

#include <cstddef>

#include "kernels/panels.h"

namespace yoke::kernels {

/// Packs `rows` ≤ panel_rows rows, each given from file_begin() to file_end(), `stride` bytes apart, into
/// `panel`. Rows that are missing become zeros.
void pack_panel(const PanelColumns& columns, const std::byte* file_rows, std::size_t stride, int rows,
                std::byte* panel);

}  // namespace yoke::kernels
