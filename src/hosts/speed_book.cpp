#include "hosts/speed_book.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "system/json_file.h"

namespace yoke::hosts {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int version = 1;

Json json_of(const KnownSpeed& speed) {
  const SpeedKey& key = speed.key;
  return {{"host", key.host},
          {"processor", key.processor},
          {"isa", key.isa},
          {"format", key.format},
          {"cores", key.cores},
          {"threads", key.threads},
          {"bytes_per_second", speed.bytes_per_second},
          {"measured", speed.measured}};
}

/// Throws nlohmann's exceptions.
KnownSpeed speed_of(const Json& json) {
  return {{json.at("host").get<std::string>(), json.at("processor").get<std::string>(),
           json.at("isa").get<std::string>(), json.at("format").get<std::string>(),
           json.at("cores").get<int>(), json.at("threads").get<int>()},
          json.at("bytes_per_second").get<double>(),
          json.at("measured").get<std::uint64_t>()};
}

std::vector<KnownSpeed> parse(const Json& json) {
  std::vector<KnownSpeed> speeds;
  try {
    if (json.at("version").get<int>() != version) return {};
    for (const Json& each : json.at("speeds")) {
      speeds.push_back(speed_of(each));
      const double rate = speeds.back().bytes_per_second;
      if (!std::isfinite(rate) || rate <= 0) return {};
    }
  } catch (const Json::exception&) {
    return {};
  }
  return speeds;
}

}  // namespace

std::optional<KnownSpeed> SpeedBook::find(const SpeedKey& key) const {
  for (KnownSpeed& each : read())
    if (each.key == key) return std::move(each);
  return std::nullopt;
}

void SpeedBook::remember(const KnownSpeed& speed) const {
  if (file_.empty()) return;
  std::vector<KnownSpeed> speeds = read();
  std::erase_if(speeds, [&](const KnownSpeed& each) { return each.key == speed.key; });
  speeds.push_back(speed);
  if (speeds.size() > most_speeds) speeds.erase(speeds.begin());
  Json list = Json::array();
  for (const KnownSpeed& each : speeds) list.push_back(json_of(each));
  system::write_json_file(file_, {{"version", version}, {"speeds", std::move(list)}});
}

std::vector<KnownSpeed> SpeedBook::read() const {
  const std::optional<Json> json = system::read_json_file(file_);
  return json ? parse(*json) : std::vector<KnownSpeed>();
}

fs::path speed_file(const system::Environment& environment) {
  return system::user_file(environment, "XDG_CACHE_HOME", ".cache", "yoke/speeds.json");
}

}  // namespace yoke::hosts
