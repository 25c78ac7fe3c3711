// Which build of this program a process is. The first thing that two processes tell each other, before they
// decode anything else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace yoke::system {

/// Counts the changes of what processes of this program say to each other.
inline constexpr std::uint32_t protocol_number = 7;

struct BuildId {
  std::uint32_t protocol = 0;
  std::string commit;  // at most longest_commit printable characters, none of them a space
  bool operator==(const BuildId&) const = default;
};

/// Characters that a commit has at most.
inline constexpr std::size_t longest_commit = 56;

/// This program's. Its commit is git's 40 digits, followed by "-modified" where files were not as committed;
/// "unknown-VERSION" for what was built outside of git.
const BuildId& this_build();

/// "protocol 3, commit 0123456789": short, for sentences.
std::string describe(const BuildId& build);

/// The first line of what a process prints for another: "yoke 3 0123456789…", without its end of line.
std::string first_line(const BuildId& build);
/// The build that such a line tells; nothing for any other text.
std::optional<BuildId> parse_first_line(std::string_view line);

/// What is sent before all else where bytes are sent: "YOKE", the protocol as four bytes, the lowest first,
/// and the commit with zeros behind it. This form never changes.
using BuildRecord = std::array<std::byte, 64>;
BuildRecord encode(const BuildId& build);
/// Throws Error for 64 bytes that are no such record.
BuildId decode_build(std::span<const std::byte, 64> record);

}  // namespace yoke::system
