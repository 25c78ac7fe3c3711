#include "cli/weights_flag.h"

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/printable.h"
#include "cli/usage.h"

namespace yoke::cli {
namespace {

constexpr double most_weight = 1e6;

double parse_weight(std::string_view text) {
  double weight = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
  require(error == std::errc() && rest == text.data() + text.size() && std::isfinite(weight) && weight > 0 &&
              weight <= most_weight,
          "'{}' is no weight; expected numbers above 0 and up to {:.0f} like 2,1,1, or equal, or measure",
          printable(text, 40), most_weight);
  return weight;
}

void require_count(const WeightsFlag& flag, std::size_t count, const char* what) {
  if (flag.given.size() == count) return;
  throw UsageError(fmt::format("--weights: {} are given, but there {} {} {}", flag.given.size(),
                               count == 1 ? "is" : "are", count,
                               count == 1 ? std::string(what) : std::string(what) + "s"));
}

}  // namespace

WeightsFlag parse_weights(std::string_view text) {
  if (text == "equal") return {WeightsFlag::Kind::equal};
  if (text == "measure") return {WeightsFlag::Kind::anew};
  WeightsFlag flag{WeightsFlag::Kind::given};
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    flag.given.push_back(parse_weight(text.substr(0, comma)));
    if (comma == text.size()) return flag;
    text.remove_prefix(comma + 1);
  }
}

void add_weights(CLI::App& command, WeightsFlag& flag) {
  command
      .add_option_function<std::string>(
          "--weights",
          [&flag](const std::string& text) {
            try {
              flag = parse_weights(text);
            } catch (const Error& error) {
              throw CLI::ValidationError("--weights", error.what());
            }
          },
          "Divide the work so among the hosts, or ranks: 2,1,1; equal; measure: by the hosts' speeds, even "
          "where they are known (default: by their speeds)")
      ->type_name("LIST");
}

std::vector<double> shares_of_ranks(const WeightsFlag& flag, int ranks) {
  if (flag.kind == WeightsFlag::Kind::anew)
    throw UsageError("--weights measure needs a list of hosts: -H, --hostfile or --cluster");
  if (flag.kind != WeightsFlag::Kind::given) return {};
  require_count(flag, static_cast<std::size_t>(ranks), "rank");
  return flag.given;
}

void give_weights(const WeightsFlag& flag, std::vector<hosts::Host>& hosts) {
  switch (flag.kind) {
    case WeightsFlag::Kind::automatic:
      return;
    case WeightsFlag::Kind::anew:
      for (hosts::Host& host : hosts) host.weight = 0;
      return;
    case WeightsFlag::Kind::equal:
      for (hosts::Host& host : hosts) host.weight = host.slots;
      return;
    case WeightsFlag::Kind::given:
      require_count(flag, hosts.size(), "host");
      for (std::size_t i = 0; i < hosts.size(); ++i) hosts[i].weight = flag.given[i];
  }
}

}  // namespace yoke::cli
