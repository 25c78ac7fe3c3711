#include "hosts/host_list.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/printable.h"

namespace yoke::hosts {

namespace {

constexpr std::size_t longest_name = 253;  // of DNS
constexpr std::size_t longest_user = 64;
constexpr std::size_t longest_list = std::size_t{1} << 20;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool consists_of(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alphanumeric(c) || others.find(c) != std::string_view::npos; });
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

/// The parts between separators, empty ones too.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (line = trim(line); !line.empty(); line = trim(line)) {
    const std::size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

int parse_slots(std::string_view digits, Place place) {
  std::int64_t slots = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), slots);
  require(error == std::errc() && end == digits.data() + digits.size(),
          "{}: '{}' is no number of slots; expected a whole number from 1 to {}", place, printable(digits),
          most_hosts);
  require_slots(slots, place);
  return static_cast<int>(slots);
}

/// An entry's parts: the name without brackets, and what follows the colon behind it.
struct NameAndSlots {
  std::string_view name;
  std::optional<std::string_view> slots;
};

NameAndSlots split_bracketed(std::string_view entry, Place place) {
  const std::size_t close = entry.find(']');
  require(close != std::string_view::npos, "{}: '{}' has a '[' without its ']'", place, printable(entry));
  const std::string_view name = entry.substr(1, close - 1), rest = entry.substr(close + 1);
  require(name.find(':') != std::string_view::npos,
          "{}: '{}' has brackets around what is no IPv6 address; expected one like [fe80::1]", place,
          printable(entry));
  require(rest.empty() || rest.front() == ':', "{}: '{}' goes on behind its ']'; expected a ':' and slots",
          place, printable(entry));
  return {name, rest.empty() ? std::nullopt : std::optional(rest.substr(1))};
}

NameAndSlots split_slots(std::string_view entry, Place place) {
  if (entry.starts_with('[')) return split_bracketed(entry, place);
  const std::size_t colon = entry.find(':');
  if (colon == std::string_view::npos) return {entry, std::nullopt};
  require(entry.find(':', colon + 1) == std::string_view::npos,
          "{}: '{}' has several colons; expected an IPv6 address in brackets, like [{}]", place,
          printable(entry), printable(entry));
  return {entry.substr(0, colon), entry.substr(colon + 1)};
}

/// A line of a hostfile without its comment.
Host parse_hostfile_line(const std::vector<std::string_view>& words, Place place) {
  Host host;
  std::string_view name = words.front();
  if (const std::size_t at = name.rfind('@'); at != std::string_view::npos) {
    host.user = name.substr(0, at);
    require_user_name(host.user, place);
    name.remove_prefix(at + 1);
  }
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  require_host_name(name, place);
  host.name = name;
  int most = most_hosts;
  for (auto word = words.begin() + 1; word != words.end(); ++word) {
    const std::size_t equals = word->find('=');
    const std::string_view key = word->substr(0, equals);
    require(equals != std::string_view::npos && (key == "slots" || key == "max_slots" || key == "max-slots"),
            "{}: '{}' is not understood; expected a host, slots=N and max_slots=N", place, printable(*word));
    const int number = parse_slots(word->substr(equals + 1), place);
    (key == "slots" ? host.slots : most) = number;
  }
  require(host.slots <= most, "{}: {} has {} slots, but max_slots={}", place, host.name, host.slots, most);
  return host;
}

}  // namespace

void require_host_name(std::string_view name, Place place) {
  require(!name.empty(), "{}: a host's name is empty", place);
  require(name.front() != '-', "{}: the host '{}' begins with '-', so ssh would take it for a flag", place,
          printable(name));
  require(name.size() <= longest_name, "{}: the host '{}' has a name of {} characters; names have {} at most",
          place, printable(name), name.size(), longest_name);
  require(consists_of(name, ".-_:%"),
          "{}: '{}' is no host; expected a name or an address: letters, digits, '.', '-', '_', ':' and '%'",
          place, printable(name));
}

void require_user_name(std::string_view name, Place place) {
  require(!name.empty(), "{}: a user's name is empty", place);
  require(name.front() != '-', "{}: the user '{}' begins with '-', so ssh would take it for a flag", place,
          printable(name));
  require(name.size() <= longest_user && consists_of(name, ".-_+"),
          "{}: '{}' is no user's name; expected up to {} letters, digits, '.', '-', '_' and '+'", place,
          printable(name), longest_user);
}

void require_slots(std::int64_t slots, Place place) {
  require(slots >= 1 && slots <= most_hosts,
          "{}: {} slots; a host has from 1 to {} (to leave it out, remove it)", place, slots, most_hosts);
}

void require_list(const std::vector<Host>& hosts, Place place) {
  require(!hosts.empty(), "{}: names no host", place);
  require(hosts.size() <= most_hosts, "{}: names {} hosts; {} are the most", place, hosts.size(), most_hosts);
  std::set<std::string_view> seen;
  int slots = 0;
  for (const Host& host : hosts) {
    require(seen.insert(host.name).second, "{}: {} is named twice; for two ranks there give it two slots",
            place, host.name);
    slots += host.slots;
  }
  require(slots <= most_hosts, "{}: the hosts have {} slots together; {} are the most", place, slots,
          most_hosts);
}

Host parse_host(std::string_view entry, Place place) {
  require(!entry.empty(), "{}: a host's name is empty", place);
  Host host;
  std::string_view rest = entry;
  if (const std::size_t at = entry.rfind('@'); at != std::string_view::npos) {
    host.user = entry.substr(0, at);
    require_user_name(host.user, place);
    rest.remove_prefix(at + 1);
  }
  const NameAndSlots parts = split_slots(rest, place);
  require_host_name(parts.name, place);
  host.name = parts.name;
  if (parts.slots) host.slots = parse_slots(*parts.slots, place);
  return host;
}

std::vector<Host> parse_hosts(std::string_view list, Place place) {
  std::vector<Host> hosts;
  require(!list.empty(), "{}: names no host", place);
  for (const std::string_view entry : split(list, ',')) hosts.push_back(parse_host(entry, place));
  require_list(hosts, place);
  return hosts;
}

std::vector<Host> parse_hostfile(std::string_view text, const std::string& path) {
  std::vector<Host> hosts;
  int number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    const std::vector<std::string_view> words = words_of(line.substr(0, line.find('#')));
    if (!words.empty()) hosts.push_back(parse_hostfile_line(words, fmt::format("{}, line {}", path, number)));
  }
  require_list(hosts, path);
  return hosts;
}

std::string read_list(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), "{}: cannot be opened: {}", path, last_system_error());
  std::string text(longest_list + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  require(file.eof() || !file.fail(), "{}: cannot be read: {}", path, last_system_error());
  text.resize(static_cast<std::size_t>(file.gcount()));
  require(text.size() <= longest_list, "{}: is no list of hosts: it has more than {} bytes", path,
          longest_list);
  return text;
}

std::vector<Host> read_hostfile(const std::string& path) { return parse_hostfile(read_list(path), path); }

std::string destination(const Host& host) {
  return host.user.empty() ? host.name : host.user + "@" + host.name;
}

std::string format_hosts(const std::vector<Host>& hosts) {
  std::string list;
  for (const Host& host : hosts) {
    const bool v6 = host.name.find(':') != std::string::npos;
    list += fmt::format("{}{}{}{}{}", list.empty() ? "" : ",", host.user, host.user.empty() ? "" : "@",
                        v6 ? "[" + host.name + "]" : host.name,
                        host.slots == 1 ? "" : fmt::format(":{}", host.slots));
  }
  return list;
}

}  // namespace yoke::hosts
