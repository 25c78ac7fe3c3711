#include "cluster/collectives.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/pulse.h"
#include "comm/algorithm_sweep.h"
#include "comm/gather.h"
#include "system/json_file.h"

namespace yoke::cluster {
namespace {

using Json = nlohmann::json;

constexpr int version = 1;

/// The entries of the file; none where it is not one of this program's.
Json entries_of(const std::filesystem::path& file) {
  const std::optional<Json> json = system::read_json_file(file);
  if (!json || !json->is_object() || json->value("version", Json()) != version) return Json::array();
  const Json entries = json->value("choices", Json());
  return entries.is_array() ? entries : Json::array();
}

bool is_of(const Json& entry, const std::string& group) {
  return entry.is_object() && entry.value("group", Json()) == group;
}

/// The hosts in rank order, and where they meet.
std::string name_of_group(const std::vector<runtime::Place>& places, const std::string& network) {
  std::string name;
  for (const runtime::Place& place : places) name += (name.empty() ? "" : " ") + place.host;
  return network.empty() ? name : name + " in " + network;
}

/// What rank 0 knows, and whether it wants to know more.
struct Known {
  std::string choice;
  bool measures = false;
};
void fields(auto& archive, Is<Known> auto& m) { archive(m.choice, m.measures); }

}  // namespace

std::string CollectivesBook::find(const std::string& group) const {
  for (const Json& entry : entries_of(file_)) {
    if (!is_of(entry, group) || !entry.value("choice", Json()).is_string()) continue;
    try {
      return comm::AlgorithmChoice::parse(entry.at("choice").get<std::string>()).text();
    } catch (const Error&) {
      return {};
    }
  }
  return {};
}

void CollectivesBook::remember(const std::string& group, const comm::AlgorithmChoice& choice) const {
  Json kept = Json::array();
  for (const Json& entry : entries_of(file_)) {
    if (!is_of(entry, group)) kept.push_back(entry);
  }
  kept.push_back({{"group", group}, {"choice", choice.text()}});
  while (kept.size() > most_choices) kept.erase(kept.begin());
  system::write_json_file(file_, {{"version", version}, {"choices", kept}});
}

bool are_on_several_machines(const std::vector<runtime::Place>& places) {
  return std::any_of(places.begin(), places.end(),
                     [&](const runtime::Place& place) { return place.network != places.front().network; });
}

void choose_collectives(comm::Comm& comm, const std::vector<runtime::Place>& places, const std::string& asked,
                        const std::string& network, const CollectivesBook& book, bool worth_measuring) {
  const bool anew = asked == measure_anew;
  if (!asked.empty() && !anew) return comm.choose(comm::AlgorithmChoice::parse(asked));
  if (!anew && !are_on_several_machines(places)) return;
  const bool leads = comm.rank() == 0;
  const std::string group = name_of_group(places, network);
  Known mine;
  if (leads && !anew) mine.choice = book.find(group);
  mine.measures = anew || (mine.choice.empty() && worth_measuring);
  const Known known = comm::tell(comm, mine, 0);
  if (!known.choice.empty()) return comm.choose(comm::AlgorithmChoice::parse(known.choice));
  if (!known.measures) return;
  const PhaseScope measuring(comm.pulse(), Phase::measuring);
  comm.choose(comm::measure_algorithms(comm));
  if (leads) book.remember(group, comm.choice());
}

}  // namespace yoke::cluster
