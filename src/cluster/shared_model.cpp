#include "cluster/shared_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "comm/gather.h"
#include "gguf/reader.h"

namespace yoke::cluster {
namespace {

/// What a rank finds under the name that it was given.
struct Holding {
  bool has_file = false;
};
void fields(auto& archive, Is<Holding> auto& m) { archive(m.has_file); }

/// What the rank that has the model says; the sentence where it cannot serve it.
struct Offer {
  ModelInvitation invitation;
  std::string trouble;
};
void fields(auto& archive, Is<Offer> auto& m) { archive(m.invitation, m.trouble); }

Holding look(const std::string& path) {
  std::error_code error;
  return {std::filesystem::exists(path, error)};
}

Offer serve(SharedModel& shared, int rank, const runtime::RankOptions& options, const LinkOptions& links) {
  constexpr std::size_t of_a_rank = 8;
  try {
    const std::vector<std::string> names = gguf::Model::open(options.host.model).names();
    shared.server = std::make_unique<ModelServer>(names, open_door(options.places, links, rank),
                                                  of_a_rank * options.places.size());
    return {{shared.server->invitation(), names, shared.server->versions()}, {}};
  } catch (const Error& error) {
    return {{}, error.what()};
  }
}

void read_from(const Offer& offer, const runtime::Place& source, SharedModel& shared, Pulse& pulse,
               runtime::RankOptions& options, const LinkOptions& links, const std::filesystem::path& shards) {
  shared.remote = std::make_shared<RemoteModel>(offer.invitation, link_key(offer.invitation.at, links),
                                                describe(source), &pulse);
  options.host.model = offer.invitation.names.front();
  options.open_file = [remote = shared.remote](const std::filesystem::path& path) {
    return remote->open(path.string());
  };
  if (options.host.cache_dir.empty()) options.host.cache_dir = shards.string();
}

}  // namespace

SharedModel share_model(comm::Comm& comm, runtime::RankOptions& options, const LinkOptions& links,
                        const std::filesystem::path& shards) {
  SharedModel shared;
  if (comm.size() == 1) return shared;
  const std::vector<Holding> all = comm::gather(comm, look(options.host.model));
  const auto has = [](const Holding& each) { return each.has_file; };
  const auto first = std::find_if(all.begin(), all.end(), has);
  if (first == all.end() || std::all_of(all.begin(), all.end(), has)) return shared;
  const auto source = static_cast<int>(first - all.begin());
  Offer offer;
  if (comm.rank() == source) offer = serve(shared, source, options, links);
  offer = comm::tell(comm, offer, source);
  const runtime::Place& place = options.places.at(static_cast<std::size_t>(source));
  require(offer.trouble.empty(), "{}",
          comm.rank() == source ? offer.trouble : runtime::attributed(place, offer.trouble));
  if (!all[static_cast<std::size_t>(comm.rank())].has_file)
    read_from(offer, place, shared, comm.pulse(), options, links, shards);
  return shared;
}

}  // namespace yoke::cluster
