// Where and when a run's folder was made: by this it is known later whether its run can still live.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace yoke::hosts {

struct FolderOrigin {
  std::string host;                 // as the machine calls itself
  std::string boot_id;              // of its system
  std::uint64_t pid_namespace = 0;  // whose processes can be seen there
  std::int64_t seconds = 0;         // of a clock that only this boot's processes share, and nobody sets
};

/// Of a folder that is made now.
FolderOrigin read_origin();

std::string write_origin(const FolderOrigin& origin);
/// Nothing for any other text.
std::optional<FolderOrigin> parse_origin(std::string_view text);

}  // namespace yoke::hosts
