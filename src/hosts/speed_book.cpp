#include "hosts/speed_book.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/output_file.h"

namespace yoke::hosts {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int version = 1;
constexpr std::uintmax_t longest_file = 1 << 20;

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

std::vector<KnownSpeed> parse(const std::string& text) {
  std::vector<KnownSpeed> speeds;
  try {
    const Json json = Json::parse(text);
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
  const std::string text = Json{{"version", version}, {"speeds", std::move(list)}}.dump(
      1, ' ', false, Json::error_handler_t::replace);
  try {
    fs::create_directories(file_.parent_path());
    OutputFile file(file_);
    file.append(std::as_bytes(std::span(text)));
    file.commit(OutputFile::Durability::in_system);
  } catch (const std::exception&) {
    // It is measured again next time.
  }
}

std::vector<KnownSpeed> SpeedBook::read() const {
  std::error_code error;
  if (!fs::is_regular_file(file_, error) || fs::file_size(file_, error) > longest_file || error) return {};
  std::ifstream file(file_);
  return parse({std::istreambuf_iterator<char>(file), {}});
}

fs::path speed_file(const system::Environment& environment) {
  return system::user_file(environment, "XDG_CACHE_HOME", ".cache", "yoke/speeds.json");
}

}  // namespace yoke::hosts
