// yoke cache: what --cache-dir has kept, and how to be rid of it.
#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/topology.h"
#include "cli/commands.h"
#include "cli/piece_format.h"
#include "cli/usage.h"
#include "gguf/input_file.h"
#include "gguf/reader.h"
#include "shards/replica.h"
#include "shards/shard_cache.h"
#include "shards/shard_folder.h"
#include "terminal/table.h"

namespace yoke::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct CacheOptions {
  std::string folder;
  std::vector<std::string> what;
  bool all = false;
  bool json = false;
};

/// A shard and what its header tells.
struct Listed {
  shards::CachedShard shard;
  std::optional<shards::ShardKey> key;  // nothing where the header is damaged
  std::string trouble;                  // empty where the next start can use it
};

bool is_of_replica(const shards::ShardKey& key) { return key.layout == shards::layout_of_file; }

/// What is wrong with a shard as far as its header and its model's file tell; of a part of a replica, as far
/// as it tells itself.
std::string trouble_of(const fs::path& shard, const shards::ShardKey& key) {
  try {
    if (is_of_replica(key)) {
      shards::ReplicaPart{shard};
      return {};
    }
    const gguf::Model model = gguf::Model::open(key.model);
    return shards::shard_difference(key, shards::shard_key(model, key.rank, key.ranks));
  } catch (const Error& error) {
    return error.what();
  }
}

Listed examine(const shards::CachedShard& shard) {
  try {
    const shards::ShardKey key = shards::read_shard_header(gguf::InputFile(shard.path, "a shard")).key;
    return {shard, key, trouble_of(shard.path, key)};
  } catch (const Error& error) {
    return {shard, std::nullopt, error.what()};
  }
}

std::vector<Listed> list(const std::string& folder) {
  std::error_code error;
  require(fs::is_directory(folder, error), "{}: is no folder that can be read; expected that of --cache-dir",
          folder);
  std::vector<Listed> listed;
  for (const shards::CachedShard& shard : shards::cached_shards(folder)) listed.push_back(examine(shard));
  return listed;
}

std::uint64_t total_bytes(const std::vector<Listed>& shards) {
  std::uint64_t total = 0;
  for (const Listed& each : shards) total += each.shard.bytes;
  return total;
}

std::string time_text(std::uint64_t nanoseconds) {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(static_cast<std::time_t>(nanoseconds / 1'000'000'000)));
}

void print_json(const std::vector<Listed>& shards) {
  Json list = Json::array();
  for (const Listed& each : shards) {
    const auto& key = each.key;
    list.push_back({{"file", each.shard.path.string()},
                    {"model_filename", key ? Json(key->model) : Json()},
                    {"kind", !key                  ? Json()
                             : is_of_replica(*key) ? "replica"
                                                   : "packed"},
                    {"rank", key ? Json(key->rank) : Json()},
                    {"ranks", key ? Json(key->ranks) : Json()},
                    {"bytes", each.shard.bytes},
                    {"last_used", time_text(each.shard.used)},
                    {"valid", each.trouble.empty()},
                    {"trouble", each.trouble}});
  }
  const Json all{{"shards", std::move(list)}, {"bytes", total_bytes(shards)}};
  fmt::print("{}\n", all.dump(2, ' ', false, Json::error_handler_t::replace));
}

/// A part of a replica is nobody's. They are counted from 1.
std::string whose(const shards::ShardKey& key) {
  return is_of_replica(key) ? fmt::format("part {} of {}", key.rank + 1, key.ranks)
                            : fmt::format("{} of {}", key.rank, key.ranks);
}

void print_table(const std::vector<Listed>& shards) {
  using Align = terminal::Table::Align;
  if (!shards.empty()) {
    terminal::Table table(
        {{"file"}, {"model"}, {"rank", Align::right}, {"size", Align::right}, {"last used"}, {"state"}});
    for (const Listed& each : shards) {
      table.add_row({escaped_piece(each.shard.path.filename().string()),
                     each.key ? escaped_piece(each.key->model) : "-", each.key ? whose(*each.key) : "-",
                     format_bytes(each.shard.bytes), time_text(each.shard.used),
                     each.trouble.empty() ? "valid"
                     : each.key           ? "stale"
                                          : "damaged"});
    }
    fmt::print("{}\n", table.markdown());
  }
  fmt::print("{} shard{}, {}\n", shards.size(), shards.size() == 1 ? "" : "s",
             format_bytes(total_bytes(shards)));
}

int list_shards(const CacheOptions& options) {
  const std::vector<Listed> shards = list(options.folder);
  options.json ? print_json(shards) : print_table(shards);
  return 0;
}

/// The shards that `what` names: those of a model, by the path of its file, or one of the folder, by its name
/// or path.
std::vector<Listed> named(const std::vector<Listed>& shards, const std::string& what) {
  std::vector<Listed> found;
  std::error_code error;
  const fs::path path = fs::weakly_canonical(what, error);
  for (const Listed& each : shards) {
    const bool is_file = each.shard.path.filename() == what ||
                         (!error && fs::weakly_canonical(each.shard.path, error) == path);
    if (is_file || (each.key && each.key->model == path.string())) found.push_back(each);
  }
  return found;
}

std::vector<Listed> chosen(const CacheOptions& options) {
  std::vector<Listed> shards = list(options.folder);
  if (options.all) return shards;
  std::vector<Listed> all;
  for (const std::string& what : options.what) {
    const std::vector<Listed> found = named(shards, what);
    require(!found.empty(), "{} has no shard '{}', nor one of a model of that path; nothing was removed",
            options.folder, escaped_piece(what));
    for (const Listed& each : found) {
      const bool again = std::any_of(
          all.begin(), all.end(), [&](const Listed& other) { return other.shard.path == each.shard.path; });
      if (!again) all.push_back(each);
    }
  }
  return all;
}

int remove_shards(const CacheOptions& options) {
  if (!options.all && options.what.empty())
    throw UsageError("nothing is named: expected a model's file, shards' names, or --all");
  const std::vector<Listed> shards = chosen(options);
  for (const Listed& each : shards) {
    std::error_code error;
    fs::remove(each.shard.path, error);
    require(!error, "{}: cannot be removed: {}", each.shard.path.string(), error.message());
  }
  fmt::print("removed {} shard{}, {}\n", shards.size(), shards.size() == 1 ? "" : "s",
             format_bytes(total_bytes(shards)));
  return 0;
}

void add_folder(CLI::App& command, CacheOptions& options) {
  command.add_option("--cache-dir", options.folder, "The folder that the other commands were given")
      ->type_name("DIR")
      ->required();
}

void add_list(CLI::App& cache, Action& action) {
  auto options = std::make_shared<CacheOptions>();
  CLI::App* command =
      cache.add_subcommand("ls", "List the shards in a folder, the least recently used first");
  add_folder(*command, *options);
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "A shard is what one rank holds of a model, or a part of what hosts keep of its file (--replicate). It "
      "is\n"
      "valid if its header is sound and, of a rank, the model's file is still the one it was packed from; "
      "what\n"
      "follows the header is checked when a start reads it.\n\n"
      "Example:\n  yoke cache ls --cache-dir ~/.cache/yoke");
  command->callback([options, &action] { action = [options] { return list_shards(*options); }; });
}

void add_remove(CLI::App& cache, Action& action) {
  auto options = std::make_shared<CacheOptions>();
  CLI::App* command =
      cache.add_subcommand("rm", "Remove shards from a folder; nothing else in it is touched");
  add_folder(*command, *options);
  CLI::Option* what =
      command->add_option("WHAT", options->what, "Models' files, whose shards go, or shards' names");
  command->add_flag("--all", options->all, "Remove all shards")->excludes(what);
  command->footer(
      "Examples:\n"
      "  yoke cache rm --cache-dir ~/.cache/yoke model.gguf\n"
      "  yoke cache rm --cache-dir ~/.cache/yoke --all");
  command->callback([options, &action] { action = [options] { return remove_shards(*options); }; });
}

}  // namespace

void add_cache(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("cache", "List or remove the packed weights that --cache-dir has kept");
  command->require_subcommand(0, 1);
  add_list(*command, action);
  add_remove(*command, action);
  command->footer(
      "Examples:\n"
      "  yoke run model.gguf -p \"Once upon a time\" --cache-dir ~/.cache/yoke\n"
      "  yoke cache ls --cache-dir ~/.cache/yoke\n"
      "  yoke cache rm --cache-dir ~/.cache/yoke model.gguf");
}

}  // namespace yoke::cli
