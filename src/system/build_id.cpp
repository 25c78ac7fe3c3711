#include "system/build_id.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include <build_commit.h>  // written by cmake/write_commit.cmake
#include "base/error.h"
#include "base/printable.h"

namespace yoke::system {

namespace {

constexpr std::string_view magic = "YOKE";
constexpr std::size_t protocol_at = magic.size();
constexpr std::size_t commit_at = protocol_at + 4;
static_assert(commit_at + longest_commit == std::tuple_size_v<BuildRecord>);
static_assert(std::string_view(YOKE_COMMIT).size() <= longest_commit);

bool is_commit(std::string_view text) {
  return !text.empty() && text.size() <= longest_commit &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

const BuildId& this_build() {
  static const BuildId build{protocol_number, YOKE_COMMIT};
  return build;
}

std::string describe(const BuildId& build) {
  constexpr std::size_t short_digits = 12;
  constexpr std::size_t all_digits = 40;
  std::string commit = build.commit;
  if (commit.size() >= all_digits) commit.erase(short_digits, all_digits - short_digits);
  return fmt::format("protocol {}, commit {}", build.protocol, commit);
}

std::string first_line(const BuildId& build) {
  return fmt::format("yoke {} {}", build.protocol, build.commit);
}

std::optional<BuildId> parse_first_line(std::string_view line) {
  constexpr std::string_view word = "yoke ";
  if (!line.starts_with(word)) return std::nullopt;
  line.remove_prefix(word.size());
  BuildId build;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), build.protocol);
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  if (error != std::errc() || !line.starts_with(' ') || !is_commit(line.substr(1))) return std::nullopt;
  build.commit = line.substr(1);
  return build;
}

BuildRecord encode(const BuildId& build) {
  BuildRecord record{};
  std::memcpy(record.data(), magic.data(), magic.size());
  for (std::size_t i = 0; i < 4; ++i)
    record[protocol_at + i] = static_cast<std::byte>(build.protocol >> 8 * i);
  std::memcpy(record.data() + commit_at, build.commit.data(), std::min(build.commit.size(), longest_commit));
  return record;
}

BuildId decode_build(std::span<const std::byte, 64> record) {
  const std::string_view text(reinterpret_cast<const char*>(record.data()), record.size());
  require(text.starts_with(magic), "expected a process of yoke, but the other side begins with \"{}\"",
          printable(text, 16));
  BuildId build;
  for (std::size_t i = 0; i < 4; ++i)
    build.protocol |= std::to_integer<std::uint32_t>(record[protocol_at + i]) << 8 * i;
  const std::string_view padded = text.substr(commit_at);
  build.commit = padded.substr(0, padded.find('\0'));
  const bool zeros_follow = padded.find_first_not_of('\0', build.commit.size()) == std::string_view::npos;
  require(is_commit(build.commit) && zeros_follow, "a process of yoke calls its commit \"{}\"",
          printable(padded));
  return build;
}

}  // namespace yoke::system
