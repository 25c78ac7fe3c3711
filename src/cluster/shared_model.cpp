#include "cluster/shared_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cluster/model_wire.h"
#include "cluster/replication.h"
#include "cluster/spread_file.h"
#include "comm/gather.h"
#include "gguf/reader.h"
#include "shards/replica.h"

namespace yoke::cluster {
namespace {

namespace fs = std::filesystem;

/// What a rank finds under the name that it was given. Of replicas, one.
struct Holding {
  bool has_file = false;
  std::uint64_t fingerprint = 0;
  std::vector<gguf::FileVersion> files;
  std::int32_t of = 0;  // into so many parts it is divided; 0: there is none
  std::vector<std::int32_t> parts;

  bool same_replica(const Holding& other) const {
    return of == other.of && fingerprint == other.fingerprint && files == other.files;
  }
};
void fields(auto& archive, Is<Holding> auto& m) {
  archive(m.has_file, m.fingerprint, m.files, m.of, m.parts);
}

/// What a rank that serves says; the sentence where it cannot. Without names: it serves nothing.
struct Offer {
  ModelInvitation invitation;
  std::string trouble;
};
void fields(auto& archive, Is<Offer> auto& m) { archive(m.invitation, m.trouble); }

static_assert(shards::replica_block_bytes <= largest_piece, "a block is fetched as one piece");

using Inputs = std::vector<std::unique_ptr<const gguf::Input>>;

/// One rank's part in it.
class Sharing {
 public:
  Sharing(comm::Comm& comm, runtime::RankOptions& options, const LinkOptions& links, const fs::path& shards)
      : comm_(comm), options_(options), links_(links), model_(options.host.model), shards_(shards) {
    if (!options.host.cache_dir.empty()) shards_ = options.host.cache_dir;
    all_ = comm::gather(comm, look());
  }

  SharedModel run() {
    const auto has = [](const Holding& each) { return each.has_file; };
    const auto first = std::find_if(all_.begin(), all_.end(), has);
    if (first == all_.end()) {
      share_replica();
    } else if (!std::all_of(all_.begin(), all_.end(), has)) {
      share_file(static_cast<int>(first - all_.begin()));
    }
    return std::move(shared_);
  }

 private:
  const Holding& mine() const { return all_[static_cast<std::size_t>(comm_.rank())]; }
  const runtime::Place& place(int rank) const { return options_.places.at(static_cast<std::size_t>(rank)); }

  Holding look() {
    std::error_code error;
    if (fs::exists(model_, error)) return {true, 0, {}, 0, {}};
    replica_ = shards_.empty() ? nullptr : shards::Replica::find(shards_, model_);
    if (!replica_) return {};
    const shards::ShardKey& key = replica_->key();
    const std::vector<int> parts = replica_->parts();
    return {false, key.fingerprint, key.files, key.ranks, {parts.begin(), parts.end()}};
  }

  /// From the rank that has it.
  void share_file(int source) {
    Offer offer;
    if (comm_.rank() == source) offer = serve([this] { return open_own_files(); });
    offer = comm::tell(comm_, offer, source);
    require_no_trouble(offer, source);
    if (!mine().has_file) {
      const auto remote = connect(offer, source);
      options_.open_file = [remote](const fs::path& path) { return remote->open(path.string()); };
      read_as(offer.invitation.names.front());
    }
    const auto of_this_file = [&](const Holding& each) { return each.files == offer.invitation.versions; };
    const auto known = std::find_if(all_.begin(), all_.end(), of_this_file);
    replicate(known == all_.end() ? Holding() : *known);
  }

  /// From all that keep some of it.
  void share_replica() {
    const std::optional<Holding> replica = choose_replica();
    if (!replica) return;
    const std::vector<int> servers = ranks_with_parts(holders(*replica), replica->of);
    require_all_parts(servers);
    const bool serves =
        comm_.size() > 1 && std::find(servers.begin(), servers.end(), comm_.rank()) != servers.end();
    const std::vector<Offer> offers =
        comm::gather(comm_, serves ? serve([this] { return open_kept_files(); }) : Offer());
    for (const int server : servers) require_no_trouble(offers[static_cast<std::size_t>(server)], server);
    if (!mine().same_replica(*replica)) replica_ = nullptr;
    read_spread(*replica, servers, offers);
    replicate(*replica);
  }

  /// One of which every part is somewhere; else the first.
  std::optional<Holding> choose_replica() const {
    std::optional<Holding> chosen;
    for (const Holding& each : all_) {
      if (each.of == 0) continue;
      const std::vector<int> ranks = ranks_with_parts(holders(each), each.of);
      if (std::find(ranks.begin(), ranks.end(), -1) == ranks.end()) return each;
      if (!chosen) chosen = each;
    }
    return chosen;
  }

  void require_all_parts(const std::vector<int>& servers) const {
    std::vector<std::size_t> missing;
    for (std::size_t part = 0; part < servers.size(); ++part)
      if (servers[part] < 0) missing.push_back(part + 1);
    require(missing.empty(), "{}: no machine has it, and of the {} parts in which they keep it {} {} missing",
            model_.string(), servers.size(), fmt::join(missing, ", "), missing.size() == 1 ? "is" : "are");
  }

  std::vector<Holder> holders(const Holding& replica) const {
    std::vector<Holder> holders;
    for (std::size_t rank = 0; rank < all_.size(); ++rank) {
      const Holding& each = all_[rank];
      const runtime::Place& place = options_.places.at(rank);
      // Containers of one machine have file systems of their own, and names.
      Holder& holder = holders.emplace_back(Holder{place.machine + '/' + place.host, each.has_file, {}});
      if (each.of > 0 && each.same_replica(replica))
        holder.parts.assign(each.parts.begin(), each.parts.end());
    }
    return holders;
  }

  void replicate(const Holding& replica) {
    if (!options_.engine.replicate) return;
    Replication plan = plan_replication(holders(replica), replica.of);
    options_.keep = {model_.string(), std::move(plan.to_add[static_cast<std::size_t>(comm_.rank())]),
                     plan.parts, shards_.string()};
  }

  template <class Open>
  Offer serve(Open open) {
    constexpr std::size_t of_a_rank = 8;
    try {
      Inputs files = open();
      std::vector<std::string> names;
      for (const auto& file : files) names.push_back(file->name());
      shared_.server =
          std::make_unique<ModelServer>(std::move(files), open_door(options_.places, links_, comm_.rank()),
                                        of_a_rank * options_.places.size());
      return {{shared_.server->invitation(), std::move(names), shared_.server->versions()}, {}};
    } catch (const Error& error) {
      return {{}, error.what()};
    }
  }
  Inputs open_own_files() const {
    Inputs files;
    for (const std::string& name : gguf::Model::open(model_).names())
      files.push_back(std::make_unique<const gguf::InputFile>(name));
    return files;
  }
  Inputs open_kept_files() const {
    Inputs files;
    for (std::size_t file = 0; file < replica_->names().size(); ++file)
      files.push_back(shards::open_kept_file(replica_, file));
    return files;
  }

  void require_no_trouble(const Offer& offer, int source) const {
    require(offer.trouble.empty(), "{}",
            comm_.rank() == source ? offer.trouble : runtime::attributed(place(source), offer.trouble));
  }

  std::shared_ptr<RemoteModel> connect(const Offer& offer, int source) {
    const auto remote = std::make_shared<RemoteModel>(offer.invitation, link_key(offer.invitation.at, links_),
                                                      runtime::describe(place(source)), &comm_.pulse());
    shared_.remotes.push_back({source, remote});
    return remote;
  }

  /// What is read is kept under that name.
  void read_as(const std::string& name) {
    options_.host.model = name;
    if (options_.host.cache_dir.empty()) options_.host.cache_dir = shards_.string();
  }

  /// Each block is read here, if it is kept here, and else where its part is.
  void read_spread(const Holding& replica, const std::vector<int>& servers,
                   const std::vector<Offer>& offers) {
    std::vector<std::shared_ptr<RemoteModel>> remotes;
    for (const int server : servers) {
      const Offer& offer = offers[static_cast<std::size_t>(server)];
      remotes.push_back(server == comm_.rank() ? nullptr : connect(offer, server));
    }
    // A rank alone has no other to ask.
    const std::vector<std::string> names =
        replica_ ? replica_->names() : offers[static_cast<std::size_t>(servers.front())].invitation.names;
    options_.open_file = [names, remotes, here = replica_,
                          part_of = shards::replica_parts_of_blocks(replica.files, replica.of)](
                             const fs::path& path) -> std::unique_ptr<const gguf::Input> {
      const auto found = std::find(names.begin(), names.end(), path.string());
      require(found != names.end(), "{}: the replica of {} has no such file", path.string(), names.front());
      return open_spread(static_cast<std::size_t>(found - names.begin()), *found, remotes, here, part_of);
    };
    read_as(names.front());
  }

  static std::unique_ptr<const gguf::Input> open_spread(
      std::size_t file, const std::string& name, const std::vector<std::shared_ptr<RemoteModel>>& remotes,
      const std::shared_ptr<const shards::Replica>& here, const std::vector<std::vector<int>>& part_of) {
    Inputs sources;
    std::vector<std::size_t> of_part(remotes.size());
    for (std::size_t part = 0; part < remotes.size(); ++part) {
      if (!remotes[part]) continue;
      of_part[part] = sources.size();
      sources.push_back(remotes[part]->open(name));
    }
    const std::size_t own = sources.size();
    if (here) sources.push_back(shards::open_kept_file(here, file));
    std::vector<std::size_t> source_of;
    for (std::size_t block = 0; block < part_of[file].size(); ++block) {
      const auto part = static_cast<std::size_t>(part_of[file][block]);
      source_of.push_back(here && here->has(file, block) ? own : of_part[part]);
    }
    return std::make_unique<const SpreadFile>(std::move(sources), std::move(source_of),
                                              shards::replica_block_bytes);
  }

  comm::Comm& comm_;
  runtime::RankOptions& options_;
  const LinkOptions& links_;
  const fs::path model_;  // as this rank was told
  fs::path shards_;
  std::shared_ptr<const shards::Replica> replica_;
  std::vector<Holding> all_;
  SharedModel shared_;
};

}  // namespace

std::vector<Fetched> SharedModel::fetched() const {
  std::vector<Fetched> all;
  for (const auto& [rank, model] : remotes)
    if (const std::uint64_t bytes = model->fetched()) all.push_back({rank, bytes});
  return all;
}

void SharedModel::end() {
  for (const Remote& remote : remotes) remote.model->close();
  remotes.clear();
  server.reset();
}

SharedModel share_model(comm::Comm& comm, runtime::RankOptions& options, const LinkOptions& links,
                        const fs::path& shards) {
  return Sharing(comm, options, links, shards).run();
}

}  // namespace yoke::cluster
