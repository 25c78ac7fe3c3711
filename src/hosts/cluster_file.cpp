#include "hosts/cluster_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <optional>
#include <span>

// Some of what it asserts does not hold for bad texts, which it refuses with an error just behind.
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>  // takes seconds to compile: no other file includes it

#include "base/byte_size.h"
#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/nearest_name.h"
#include "base/printable.h"
#include "system/cidr.h"

namespace yoke::hosts {

namespace {

constexpr int most_threads = 4096;
constexpr double most_weight = 1e6;
constexpr std::size_t longest_path = 4095;

constexpr std::array<std::string_view, 10> file_keys{"hosts",     "network", "ssh",     "user",   "yoke",
                                                     "cache_dir", "model",   "threads", "memory", "weight"};
constexpr std::array<std::string_view, 9> host_keys{"name",    "user",   "yoke",   "cache_dir", "model",
                                                    "threads", "memory", "weight", "slots"};

std::string place_of(const toml::node& node, const std::string& path) {
  return fmt::format("{}, line {}", path, node.source().begin.line);
}

void require_known_keys(const toml::table& table, std::span<const std::string_view> known,
                        const std::string& path) {
  for (const auto& [key, value] : table) {
    const std::string_view name = key.str();
    require(std::find(known.begin(), known.end(), name) != known.end(),
            "{}: there is no key '{}'; the nearest is '{}'", place_of(value, path), printable(name),
            nearest_name(name.substr(0, 64), known));
  }
}

[[noreturn]] void fail_type(const toml::node& node, std::string_view key, const std::string& path,
                            std::string_view expected) {
  fail("{}: the value of '{}' is not {}", place_of(node, path), key, expected);
}

std::optional<std::string> string_at(const toml::table& table, std::string_view key,
                                     const std::string& path) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_string();
  if (value == nullptr) fail_type(*node, key, path, "a string");
  return value->get();
}

/// A path: something without bytes that end a line or a string elsewhere.
void take_path(const toml::table& table, std::string_view key, const std::string& path, std::string& to) {
  const auto value = string_at(table, key, path);
  if (!value) return;
  const bool plain = std::none_of(value->begin(), value->end(),
                                  [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
  require(plain && !value->empty() && value->size() <= longest_path && value->front() != '-',
          "{}: '{}' is no path that can be used as '{}'", place_of(*table.get(key), path), printable(*value),
          key);
  to = *value;
}

void take_whole(const toml::table& table, std::string_view key, const std::string& path, int most, int& to) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return;
  const auto* value = node->as_integer();
  if (value == nullptr) fail_type(*node, key, path, "a whole number");
  require(value->get() >= 1 && value->get() <= most, "{}: {} is out of range for '{}', which is from 1 to {}",
          place_of(*node, path), value->get(), key, most);
  to = static_cast<int>(value->get());
}

void take_weight(const toml::table& table, const std::string& path, double& to) {
  const toml::node* node = table.get("weight");
  if (node == nullptr) return;
  const auto value = node->value<double>();
  if (!value || !node->is_number()) fail_type(*node, "weight", path, "a number");
  require(std::isfinite(*value) && *value > 0 && *value <= most_weight,
          "{}: {} is out of range for 'weight', which is above 0 and up to {}", place_of(*node, path), *value,
          most_weight);
  to = *value;
}

void take_memory(const toml::table& table, const std::string& path, std::uint64_t& to) {
  const auto value = string_at(table, "memory", path);
  if (!value) return;
  try {
    to = parse_byte_size(*value);
  } catch (const Error& error) {
    fail("{}: {}", place_of(*table.get("memory"), path), error.what());
  }
}

/// What a host's table, or the file for all hosts, says of a host besides its name.
void take_properties(const toml::table& table, const std::string& path, Host& host) {
  if (const auto user = string_at(table, "user", path)) {
    require_user_name(*user, place_of(*table.get("user"), path));
    host.user = *user;
  }
  take_path(table, "yoke", path, host.yoke);
  take_path(table, "cache_dir", path, host.cache_dir);
  take_path(table, "model", path, host.model);
  take_whole(table, "threads", path, most_threads, host.threads);
  take_whole(table, "slots", path, most_hosts, host.slots);
  take_memory(table, path, host.memory);
  take_weight(table, path, host.weight);
}

Host host_of_table(const toml::table& table, const Host& defaults, const std::string& path) {
  require_known_keys(table, host_keys, path);
  const auto name = string_at(table, "name", path);
  require(name.has_value(), "{}: a host has no 'name'", place_of(table, path));
  Host host = defaults;
  host.name = *name;
  require_host_name(host.name, place_of(*table.get("name"), path));
  take_properties(table, path, host);
  return host;
}

/// "ann@node2:2" says user and slots itself.
Host host_of_string(const std::string& entry, const Host& defaults, const std::string& place) {
  const Host written = parse_host(entry, place);
  Host host = defaults;
  host.name = written.name;
  if (!written.user.empty()) host.user = written.user;
  host.slots = written.slots;
  return host;
}

/// What the work is divided by is either told of every host or found out of every host.
void require_weights_of_all_or_none(const std::vector<Host>& hosts, const std::string& path) {
  const auto weighs = [](const Host& host) { return host.weight > 0; };
  const auto with = std::find_if(hosts.begin(), hosts.end(), weighs);
  const auto without = std::find_if_not(hosts.begin(), hosts.end(), weighs);
  require(
      with == hosts.end() || without == hosts.end(),
      "{}: {} has a 'weight' and {} has none; give one to every host, or to none: then their speeds count",
      path, with->name, without->name);
}

std::vector<Host> hosts_of(const toml::table& file, const Host& defaults, const std::string& path) {
  const toml::node* node = file.get("hosts");
  require(node != nullptr, "{}: names no hosts; expected a key 'hosts'", path);
  const toml::array* list = node->as_array();
  if (list == nullptr) fail_type(*node, "hosts", path, "a list");
  require(list->size() <= most_hosts, "{}: names {} hosts; {} are the most", path, list->size(), most_hosts);
  std::vector<Host> hosts;
  for (const toml::node& each : *list) {
    if (const toml::table* table = each.as_table()) {
      hosts.push_back(host_of_table(*table, defaults, path));
    } else if (const auto* name = each.as_string()) {
      hosts.push_back(host_of_string(name->get(), defaults, place_of(each, path)));
    } else {
      fail_type(each, "hosts", path, "a list of strings and tables");
    }
  }
  require_list(hosts, path);
  require_weights_of_all_or_none(hosts, path);
  return hosts;
}

std::string network_of(const toml::table& file, const std::string& path) {
  const std::string network = string_at(file, "network", path).value_or("");
  if (file.contains("network")) {
    try {
      system::parse_cidr(network);
    } catch (const Error& error) {
      fail("{}: {}", place_of(*file.get("network"), path), error.what());
    }
  }
  return network;
}

std::string ssh_of(const toml::table& file, Trust trust, const std::string& path) {
  const std::string ssh = string_at(file, "ssh", path).value_or("");
  if (file.contains("ssh")) {
    require(trust == Trust::own_configuration,
            "{}: 'ssh' is a command, which is taken from your own ~/.config/yoke/cluster.toml alone; give it "
            "as --ssh",
            place_of(*file.get("ssh"), path));
  }
  return ssh;
}

toml::table parse_toml(std::string_view text, const std::string& path) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail("{}, line {}: is no TOML: {}", path, error.source().begin.line, printable(error.description(), 200));
  }
}

void require_own(const std::string& path) {
  struct stat status {};
  require(::stat(path.c_str(), &status) == 0, "{}: cannot be read: {}", path, last_system_error());
  require(status.st_uid == ::geteuid() || status.st_uid == 0,
          "{}: belongs to another user, so its commands are not to be trusted", path);
  require((status.st_mode & (S_IWGRP | S_IWOTH)) == 0,
          "{}: others can write it, so its commands are not to be trusted; run chmod go-w on it", path);
}

}  // namespace

HostList parse_cluster_file(std::string_view text, Trust trust, const std::string& path) {
  const toml::table file = parse_toml(text, path);
  require_known_keys(file, file_keys, path);
  Host defaults;
  take_properties(file, path, defaults);
  return {hosts_of(file, defaults, path), network_of(file, path), ssh_of(file, trust, path)};
}

HostList read_cluster_file(const std::string& path, Trust trust) {
  const std::string text = read_list(path);
  if (trust == Trust::own_configuration) require_own(path);
  return parse_cluster_file(text, trust, path);
}

std::string own_cluster_file(const system::Environment& environment) {
  return system::user_file(environment, "XDG_CONFIG_HOME", ".config", "yoke/cluster.toml").native();
}

}  // namespace yoke::hosts
