// Unicode normal form C: characters composed where Unicode has a composed one, marks in canonical order.
// Unicode Standard Annex #15.
#pragma once

#include <string>
#include <string_view>

namespace yoke::text {

/// `text` in normal form C: `text` itself where none of its characters could change, otherwise `buffer`,
/// whose content is replaced. Bytes that are not UTF-8 stay, and what stands before and after them is
/// normalised separately. n log n, whatever the text.
std::string_view to_nfc(std::string_view text, std::string& buffer);

}  // namespace yoke::text
