// Folders of runs that nobody could clear away, since their host was cut off when the run ended: the next
// start on that host does. A run that lives is never taken for one that is gone.
#pragma once

#include <chrono>
#include <filesystem>

#include "hosts/folder_origin.h"

namespace yoke::hosts {

/// From its question to the hosts, which makes the folders, to the start of its ranks, a starter takes no
/// longer than this; it gives up instead, for instance where it was stopped meanwhile.
inline constexpr std::chrono::seconds longest_start{20};

/// Whether a run whose processes are not to be seen can have none any more: its machine was started anew
/// since, or it is this one and three times `longest_start` has passed. Of another machine's or container's
/// folder nothing is known.
bool is_abandoned(const FolderOrigin& made, const FolderOrigin& now);

/// Removes this user's run folders in `parent` that are abandoned. Never throws: what cannot be removed
/// stays.
void remove_abandoned_runs(const std::filesystem::path& parent = "/tmp") noexcept;

}  // namespace yoke::hosts
